# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gathered facts hold the environment, and a fact cache keeps them in clear: the actions warn of a credential in it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

TASK: dict[str, Any] = {"tenbyte.webinar.room_info": {}}
LEDGER_KEY_LIKE = "an-unused-password-of-a-unit-test"


def run(controller: Controller, *, cache: str, **play: Any) -> Run:
    environment = {
        "ANSIBLE_CACHE_PLUGIN": cache,
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(controller.home / "facts"),
        "PGPASSWORD": LEDGER_KEY_LIKE,
    }
    variables = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    plays = [{"hosts": "localhost", "vars": variables, "tasks": [TASK], **play}]
    return controller.plays(plays, environment=environment)


def test_a_credential_in_a_persistent_fact_cache_gives_a_warning_that_does_not_show_it(
    simulator: Simulator, controller: Controller
) -> None:
    done = run(controller, cache="ansible.builtin.jsonfile", gather_facts=True, gather_subset=["!all", "env"])
    assert done.returncode == 0, done.output
    [warning] = done.result("tenbyte.webinar.room_info")["warnings"]
    for part in ("TENBYTE_API_KEY and PGPASSWORD", "gather_facts: false", "'!env'", "--flush-cache"):
        assert part in warning
    assert controller.api_key not in done.output
    assert LEDGER_KEY_LIKE not in done.output


@pytest.mark.parametrize(
    ("cache", "play"),
    [
        ("memory", {"gather_facts": True, "gather_subset": ["!all", "env"]}),
        ("jsonfile", {"gather_facts": False}),
        ("jsonfile", {"gather_facts": True, "gather_subset": ["!all", "!min", "python"]}),
    ],
)
def test_without_a_cached_credential_there_is_no_warning(
    simulator: Simulator, controller: Controller, cache: str, play: dict[str, Any]
) -> None:
    done = run(controller, cache=cache, **play)
    assert done.returncode == 0, done.output
    assert "warnings" not in done.result("tenbyte.webinar.room_info")
