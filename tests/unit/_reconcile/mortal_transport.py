# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A transport that simulates a SIGKILL of the run at one of its calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Transport


class Killed(BaseException):
    """Not an Exception, so that no handler catches it."""


class MortalTransport(Transport):
    """A transport that can kill its run at one of its calls."""

    killed_at: int | None = None
    late = False
    calls = 0

    def _counted(self, call: Callable[[], Any]) -> Any:
        at, self.calls = self.calls, self.calls + 1
        if self.killed_at is not None and at == self.killed_at and not self.late:
            raise Killed
        if self.killed_at is not None and at > self.killed_at:
            raise Killed
        answer = call()
        if at == self.killed_at:
            raise Killed
        return answer

    def read(self, *arguments: Any, **options: Any) -> Any:
        return self._counted(lambda: super(MortalTransport, self).read(*arguments, **options))

    def write(self, *arguments: Any, **options: Any) -> Any:
        return self._counted(lambda: super(MortalTransport, self).write(*arguments, **options))
