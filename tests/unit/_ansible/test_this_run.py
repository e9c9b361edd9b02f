# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.this_run import event_of_this_run, is_this_run
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import name_of_process

from ..other_process import start_python

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="runs are named on Linux only")

RUN, OTHER = name_of_process(os.getpid()), "boot/1:1:1"
REAL: dict[str, Any] = {"tenbyte_sessions": {"Hall/Talk": {}}, "tenbyte_sessions_run": RUN}
EVENT: dict[str, Any] = {
    "run": RUN,
    "rooms": [{"id": "r", "title": "Hall"}, {"id": None, "title": "New"}],
    "gone": {"Hall/Break": {}},
}
PREVIEW: dict[str, Any] = {
    "tenbyte_preview": {"run": RUN, "sessions": {"Hall/Panel": {}}, "rooms": {}, "gone": {"Hall/Talk": {}}}
}
STALE: dict[str, Any] = {
    "tenbyte_sessions": {"Old/Talk": {}},
    "tenbyte_sessions_run": OTHER,
    "tenbyte_event": {**EVENT, "run": OTHER},
}
CHILD = """
import sys
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.this_run import is_this_run
print(is_this_run(sys.stdin.readline().strip()), flush=True)
"""


@pytest.mark.parametrize("value", [OTHER, "", None, 0, [], {}, f"{RUN}0"], ids="abcdefg")
def test_another_value_is_not_the_name_of_this_run(value: object) -> None:
    assert not is_this_run(value)


def test_a_worker_belongs_to_the_run_that_started_it() -> None:
    for name, answer in ((RUN, "True"), (OTHER, "False")):
        with start_python(CHILD) as worker:
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write(f"{name}\n")
            worker.stdin.flush()
            assert worker.stdout.readline().strip() == answer


def test_the_first_host_with_facts_of_this_run_counts() -> None:
    assert event_of_this_run([{}, REAL | {"tenbyte_event": EVENT}], preview=False) == {
        "sessions": REAL["tenbyte_sessions"],
        "rooms": {"r": "Hall"},
        "gone": EVENT["gone"],
        "stale": False,
    }
    assert event_of_this_run([STALE, REAL], preview=False)["sessions"] == REAL["tenbyte_sessions"]


def test_facts_of_another_run_are_ignored_and_called_stale() -> None:
    nothing: dict[str, Any] = {"sessions": None, "rooms": {}, "gone": {}, "stale": True}
    assert event_of_this_run([STALE], preview=False) == nothing
    assert event_of_this_run([{"tenbyte_preview": {"run": OTHER}}], preview=True) == nothing
    assert event_of_this_run([{"tenbyte_sessions": {}}], preview=False) == nothing
    assert event_of_this_run([{}], preview=True) == nothing | {"stale": False}


def test_a_fact_of_another_run_is_ignored_beside_one_of_this_run() -> None:
    known = event_of_this_run([REAL | {"tenbyte_event": {**EVENT, "run": OTHER}}], preview=False)
    assert (known["rooms"], known["gone"]) == ({}, {})


def test_a_preview_counts_only_in_check_mode() -> None:
    facts = [REAL, PREVIEW]
    assert event_of_this_run(facts, preview=True)["sessions"] == {"Hall/Panel": {}}
    assert event_of_this_run(facts, preview=False)["sessions"] == {"Hall/Talk": {}}
    assert event_of_this_run([REAL], preview=True)["sessions"] == {"Hall/Talk": {}}
    assert event_of_this_run([PREVIEW], preview=False)["sessions"] is None


@pytest.mark.parametrize("odd", ["text", ["list"], 3, None])
def test_malformed_facts_are_ignored(odd: object) -> None:
    facts = [{"tenbyte_sessions": odd, "tenbyte_sessions_run": RUN, "tenbyte_event": odd, "tenbyte_preview": odd}]
    assert event_of_this_run(facts, preview=True)["sessions"] == {}
    about = {"run": RUN, "rooms": odd, "gone": odd}
    assert event_of_this_run([REAL | {"tenbyte_event": about}], preview=False)["rooms"] == {}
