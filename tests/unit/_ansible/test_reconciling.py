# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is imported when: what takes long to load is loaded once for a play, and only for the tasks that need it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.reconciling import _facts_before, _host_of

from ..other_process import import_path

LOADED = """
import importlib, sys
importlib.import_module("ansible_collections.tenbyte.webinar.plugins." + sys.argv[1])
print(*sorted({"requests", "sqlalchemy"} & set(sys.modules)))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plugin", "expected"),
    [
        ("action.event", ["requests", "sqlalchemy"]),
        ("action.room", ["requests", "sqlalchemy"]),
        ("action.session", ["requests", "sqlalchemy"]),
        ("action.room_info", []),
        ("action.session_info", []),
        ("lookup.stream_key", []),
        ("plugin_utils._ansible.info", ["requests"]),
        ("plugin_utils._ansible.stream_key_lookup", ["sqlalchemy"]),
    ],
)
def test_a_plugin_loads_the_libraries_that_it_needs_and_no_others(plugin: str, expected: list[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": import_path()}
    ran = subprocess.run(
        [sys.executable, "-c", LOADED, plugin], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert ran.stdout.split() == expected


SET = {"tenbyte_sessions": {"Main stage/Keynote": {"id": "s1", "tags": []}}, "tenbyte_sessions_run": "run 1"}


@pytest.mark.parametrize("nest", [lambda given: given, lambda given: {"ansible_facts": given}], ids=["flat", "nested"])
def test_the_facts_that_the_item_before_has_set_are_taken_as_they_are(nest: Any) -> None:
    host = {"tenbyte_sessions": {"Main stage/Keynote": {"id": "s1", "tags": []}}, "tenbyte_sessions_run": "run 1"}
    before = _facts_before({"ansible_facts": nest(host)}, SET)
    assert before == {**SET, "tenbyte_event": None, "tenbyte_preview": None}
    assert before["tenbyte_sessions"] is SET["tenbyte_sessions"]


@pytest.mark.parametrize(
    "sessions", [None, {}, {"Main stage/Keynote": {"id": "s2", "tags": []}}, {"Main stage/Keynote": {"id": "s1"}}]
)
def test_facts_that_differ_from_those_that_the_item_before_has_set_are_the_hosts(sessions: object) -> None:
    before = _facts_before({"ansible_facts": {"tenbyte_sessions": sessions}}, SET)
    assert before["tenbyte_sessions"] == sessions
    assert before["tenbyte_sessions_run"] is None


@pytest.mark.parametrize(
    ("variables", "beginning"),
    [({}, ""), ({"inventory_hostname": "localhost"}, ""), ({"inventory_hostname": "relay1"}, "[relay1] ")],
)
def test_a_line_about_progress_names_the_host_of_the_task(variables: dict[str, str], beginning: str) -> None:
    assert _host_of(variables) == beginning
