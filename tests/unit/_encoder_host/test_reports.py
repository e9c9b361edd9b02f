# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.commands import Done, run
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.reports import lately_well, reported


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ('{"talk": {"state": "on air"}}', {"talk": {"state": "on air"}}),
        ("", {"talk": {"state": "", "problem": "the health check says: nothing"}}),
        ("[1]", {"talk": {"state": "", "problem": "the health check says: [1]"}}),
        ("There is no ss.", {"talk": {"state": "", "problem": "the health check says: There is no ss."}}),
    ],
)
def test_what_the_health_check_says_is_returned_if_it_can_be_read(said: str, found: dict[str, Any]) -> None:
    def answer(_command: Sequence[str], _environment: Mapping[str, str] | None = None) -> Done:
        return Done(0, said)

    assert reported({"program": "/r/health.py"}, ["talk"], answer) == found


def test_the_health_check_is_asked_for_its_report(tmp_path: Path) -> None:
    program = tmp_path / "health.py"
    program.write_text(
        "import json, sys; print(json.dumps({'x': {'arguments': sys.argv[1:], 'alone': sys.flags.isolated}}))"
    )
    assert reported({"program": str(program)}, ["x"], run) == {"x": {"arguments": ["--report"], "alone": 1}}
    assert "none.py" in reported({"program": str(tmp_path / "none.py")}, ["x"], run)["x"]["problem"]


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ({"checked": 0, "streams": {"talk": {"state": "on air"}, "break": {"state": "down"}}}, {"talk"}),
        ({"checked": -99, "streams": {"talk": {"state": "on air"}}}, set()),
        ({"checked": 99, "streams": {"talk": {"state": "on air"}}}, set()),
        ({"streams": {}}, set()),
        ({"checked": 0, "streams": {"talk": None}}, set()),
        ([], set()),
        (None, set()),
    ],
)
def test_a_late_result_or_one_that_cannot_be_read_calls_nothing_well(
    tmp_path: Path, result: Any, found: set[str]
) -> None:
    file = tmp_path / "health.json"
    if isinstance(result, dict) and "checked" in result:
        result["checked"] += time.time()
    if result is not None:
        file.write_text(json.dumps(result))
    assert lately_well({"result": str(file), "lately_seconds": 30, "well": ["on air"]}) == found
