# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Runs the actions event, room and session: what a task asks for in, the result of the engine out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ansible import constants, context

from .action_base import MISSING_LIBRARY as _MISSING
from .action_base import WebinarAction

try:
    from .._core.model import EventSpec
    from .._core.plain_text import one_line
    from .._core.secrecy import Redactor
    from .._ledger.lease_owner import name_of_process
    from .._reconcile.ensure import ensure
    from . import facts
    from .connection_options import connection_from
    from .ledger_location import ledger_settings_from
    from .loops import Loop, loop_of
    from .plain_values import plain
    from .results import event_result
    from .visibility import refuse_to_reveal_in_a_loop
except ImportError as error:
    MISSING_LIBRARY: str | None = _MISSING or error.name or str(error)
else:
    MISSING_LIBRARY = _MISSING


class ReconcilingAction(WebinarAction):
    """Base of the actions that make the service match what a task asks for.

    Ansible imports an action before it forks the workers of tasks, so the engine is imported once for a play.
    """

    missing_library: ClassVar[str | None] = MISSING_LIBRARY
    _loop: Loop | None = None

    def reconcile(
        self,
        task_vars: dict[str, Any],
        argument_spec: Mapping[str, Any],
        asked_from: Callable[[Mapping[str, Any]], EventSpec],
        *,
        whole: bool = False,
    ) -> dict[str, Any]:
        """Make the service match what the task asks for, and return the action's result.

        ``whole``: the task lists all sessions that its rooms are to have.
        """

        def work(options: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
            connection = connection_from(options, redactor)
            ledger_settings = ledger_settings_from(options, os.environ)
            asked = asked_from(options)
            reveal = bool(options.get("reveal_stream_key"))
            if reveal:
                refuse_to_reveal_in_a_loop(self._task)
            result = event_result(
                ensure(
                    connection,
                    ledger_settings,
                    asked,
                    redactor,
                    check_mode=self._task.check_mode,
                    # Callbacks such as json write a document to the standard output.
                    tell=lambda line: self._display.display(f"{_host_of(task_vars)}{line}", stderr=True),
                    reuse=None if self._loop is None else self._loop.reuse,
                ),
                redactor,
                facts_before=_facts_before(task_vars, {} if self._loop is None else self._loop.facts),
                # Ansible forks a worker for each task. All workers of a run have the same parent.
                run=name_of_process(os.getppid()),
                reveal=reveal,
                check_mode=self._task.check_mode,
                may_change_facts=_is_preview_of_all(),
                whole=whole,
                with_diff=bool(self._task.diff),
            )
            if self._loop is not None:
                self._loop.facts = result["ansible_facts"]
                redactor.remember(self._loop.facts)
            return result

        return self.answer(task_vars, argument_spec, work)

    def _redactor_for(self, environment: Mapping[str, str]) -> Redactor:
        self._loop = loop_of(self._task, environment)
        return Redactor() if self._loop is None else self._loop.reuse.redactor


def _host_of(task_vars: Mapping[str, Any]) -> str:
    """Return how a line begins that is shown while a task is at work: with its host, since several may be at work."""
    host = task_vars.get("inventory_hostname", "localhost")
    return "" if host == "localhost" else f"[{one_line(str(host))}] "


def _facts_before(task_vars: Mapping[str, Any], set_last: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of this collection. ``set_last``: those that the item of a loop before this one has set."""
    all_facts = task_vars.get("ansible_facts") or {}
    # Within a loop, ansible-core nests the facts of earlier items one level too deep.
    newest = all_facts.get("ansible_facts") or all_facts
    before = {name: newest.get(name) for name in facts.ALL}
    # To compare them is faster than to copy them, and the redactor knows those that were set.
    return {
        name: set_last[name] if value and value == set_last.get(name) else plain(value)
        for name, value in before.items()
    }


def _is_preview_of_all() -> bool:
    """Return whether a preview may set the facts of a real run.

    It may if the whole run is in check mode and no fact cache keeps its facts.
    """
    return bool(context.CLIARGS.get("check")) and getattr(constants, "CACHE_PLUGIN", None) == "memory"
