# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is imported when: what takes long to load is loaded once for a play, and only for the tasks that need it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.reconciling import _host_of

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


@pytest.mark.parametrize(
    ("variables", "beginning"),
    [({}, ""), ({"inventory_hostname": "localhost"}, ""), ({"inventory_hostname": "relay1"}, "[relay1] ")],
)
def test_a_line_about_progress_names_the_host_of_the_task(variables: dict[str, str], beginning: str) -> None:
    assert _host_of(variables) == beginning
