# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the roles rtmp_relay and obs_encoder do on a host that has none of their streams; the rest needs systemd."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.controller import Controller
from tests.integration.roles.encoders import rooms

OF_ROLE = {
    "rtmp_relay": {"rtmp_relay_state": "stopped", "__rtmp_relay_systemd_folder": "/nowhere"},
    "obs_encoder": {"obs_encoder_start": "false", "obs_encoder_user": "nobody", "obs_encoder_health_interval": "0"},
}


@pytest.mark.parametrize("role", OF_ROLE)
def test_a_host_without_streams_has_nothing_to_take_off_and_nothing_to_verify(
    controller: Controller, tmp_path: Path, role: str
) -> None:
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {"studio": host, "localhost": host}}}))
    variables = {**OF_ROLE[role], f"{role}_root": str(tmp_path / "etc" / role)}

    def entry(name: str) -> dict[str, Any]:
        used = {"name": f"tenbyte.webinar.{role}", "tasks_from": name}
        return {"ansible.builtin.include_role": used, "vars": variables}

    reason = "{{ ansible_failed_result.results[0].msg | default(ansible_failed_result.msg) }}"
    said = {"ansible.builtin.debug": {"msg": reason}}
    event = {"role": "tenbyte.webinar.event", "vars": {"event_rooms": rooms("Hall", Talk="studio")}}
    tasks = [
        {"block": [entry("gone")], "check_mode": True},
        {"block": [entry("verify")], "rescue": [said]},
        {"ansible.builtin.debug": {"msg": "{{ tenbyte_verified }}"}},
    ]
    plays = [
        {"hosts": "localhost", "gather_facts": False, "roles": [event]},
        {"hosts": "studio", "gather_facts": False, "tasks": tasks},
    ]
    run = controller.plays(plays, "-i", str(inventory))
    assert run.returncode == 0, run.output
    shown = [record["result"]["msg"] for record in run.records if record["action"] == "ansible.builtin.debug"]
    assert any("has no" in str(one) for one in shown), run.output
    assert shown[-1] == []
    assert not (tmp_path / "etc").exists()
