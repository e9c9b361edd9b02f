# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What the health check of a role says about its streams, where the streams themselves say nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .commands import Run


def lately_well(asked: Mapping[str, Any]) -> set[str]:
    """Return the streams that were well at the last check that the health check has made by itself, if it was lately.

    That costs nothing. Asking takes seconds.
    """
    try:
        said = json.loads(Path(asked["result"]).read_text(encoding="utf-8"))
        if not 0 <= time.time() - said["checked"] <= asked["lately_seconds"]:
            return set()
        return {str(name) for name, one in said["streams"].items() if one["state"] in asked["well"]}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return set()


def reported(asked: Mapping[str, Any], names: Iterable[str], run: Run) -> dict[str, dict[str, Any]]:
    """Return the state of each stream by its name. If the health check cannot tell, its last words are the problem."""
    done = run([sys.executable, "-I", asked["program"], "--report"], None)
    try:
        said = json.loads(done.output)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return {name: {"state": "", "problem": f"the health check says: {done.said or 'nothing'}"} for name in names}
    return {str(name): dict(one) for name, one in said.items()}
