# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host with systemd that is not there: a systemctl that remembers what it was told, and programs that do nothing."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.integration.controller import Controller, Run

# Run many times, so without the packages of the environment, and what measures coverage: that takes most of the time.
SYSTEMCTL = """#!{python} -IS
import json, sys, time
from pathlib import Path

state_file, log = Path({state!r}), Path({log!r})
state = json.loads(state_file.read_text()) if state_file.exists() else {{}}
options = [one for one in sys.argv[1:] if one.startswith("--")]
words = [one for one in sys.argv[1:] if not one.startswith("--")]
if "--version" in options:
    print("systemd 252 (252.39)")
    sys.exit()
word, units = words[0], words[1:]
if word == "show":
    for unit in units:
        one = state.get(unit, {{}})
        known = {{
            "ActiveState": "active" if one.get("active") else "inactive",
            "SubState": "running" if one.get("active") else "dead",
            "UnitFileState": "enabled" if one.get("enabled") else "disabled",
            "NeedDaemonReload": "no",
            "ExecMainStatus": "0",
            "ExecMainStartTimestampMonotonic": str(one.get("started", 0)),
        }}
        for name in known:
            if f"--property={{name}}" in options:
                print(f"{{name}}={{known[name]}}")
        print()
    sys.exit()
with log.open("a") as file:
    print(word, *units, file=file)
for unit in units:
    one = state.setdefault(unit, {{}})
    if word in ("start", "restart"):
        # Long enough ago to count as up.
        one.update(active=True, started=int((time.monotonic() - 60) * 1e6), starts=one.get("starts", 0) + 1)
    elif word == "stop":
        one["active"] = False
    elif word in ("enable", "disable"):
        one["enabled"] = word == "enable"
state_file.write_text(json.dumps(state))
"""
OBS = """#!/bin/sh
echo "OBS Studio - 29.0.2"
"""


@dataclass
class BootedHost:
    """``folder`` has all of the host; ``name`` is that of the inventory."""

    controller: Controller
    folder: Path
    name: str = "host1"

    def __post_init__(self) -> None:
        self.programs.mkdir(parents=True)
        self.units.mkdir()
        script = SYSTEMCTL.format(python=sys.executable, state=str(self.folder / "state"), log=str(self.folder / "log"))
        self.put("systemctl", script)
        self.put("obs", OBS)
        for name in ("journalctl", "nginx", "xvfb-run", "Xvfb", "xauth", "ss"):
            self.put(name, "#!/bin/sh\n")
        for name in ("ngx_rtmp_module.so", "ngx_stream_module.so"):
            (self.programs / name).touch()
        path = os.pathsep.join([str(self.programs), str(self.controller.bin), os.environ["PATH"]])
        self.controller.environment["PATH"] = path

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    @property
    def units(self) -> Path:
        return self.folder / "units"

    def root(self, role: str) -> Path:
        return self.folder / "etc" / role

    def put(self, name: str, script: str) -> None:
        (self.programs / name).write_text(script)
        (self.programs / name).chmod(0o755)

    def variables(self, role: str) -> dict[str, Any]:
        """Return what lets a role work below the folder."""
        own: dict[str, Any] = {
            "rtmp_relay": {
                "rtmp_relay_nginx": str(self.programs / "nginx"),
                "__rtmp_relay_module_folders": ["/nowhere", str(self.programs)],
                "__rtmp_relay_runtime_folder": str(self.folder / "run"),
            },
            "obs_encoder": {"obs_encoder_binary": str(self.programs / "obs")},
        }
        common = {f"{role}_root": str(self.root(role)), f"{role}_install": False, f"{role}_start_timeout": 0}
        folders = {f"__{role}_systemd_folder": str(self.units), f"__{role}_booted_folder": str(self.folder)}
        return {**common, **folders, **own[role]}

    def inventory(self) -> str:
        file = self.folder / "inventory.yml"
        host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        hosts = {self.name: host, "localhost": host}
        file.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
        return str(file)

    def play(
        self, role: str, rooms: list[dict[str, Any]] | None, *arguments: str, tasks_from: str = "main", **variables: Any
    ) -> Run:
        """Provision an event, if there is one, and run a role on the host."""
        plays: list[dict[str, Any]] = []
        if rooms is not None:
            # The playbook teardown removes the sessions before the streams.
            state = {"event_state": "absent"} if tasks_from == "gone" else {}
            event = {"role": "tenbyte.webinar.event", "vars": {"event_rooms": rooms, **state}}
            plays.append({"hosts": "localhost", "gather_facts": False, "roles": [event]})
        used = {"name": f"tenbyte.webinar.{role}", "tasks_from": tasks_from}
        task = {"ansible.builtin.include_role": used, "vars": {**self.variables(role), **variables}}
        plays.append({"hosts": self.name, "gather_facts": False, "tasks": [task]})
        return self.controller.plays(plays, "-i", self.inventory(), *arguments)

    def state(self) -> dict[str, dict[str, Any]]:
        """Return what systemd knows of each unit."""
        file = self.folder / "state"
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def active(self) -> set[str]:
        return {unit for unit, one in self.state().items() if one.get("active")}

    def enabled(self) -> set[str]:
        return {unit for unit, one in self.state().items() if one.get("enabled")}

    def told(self) -> list[str]:
        """Return what systemctl was told since the last time."""
        log = self.folder / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def files(self) -> dict[str, str]:
        """Return the modes of the role's files and units."""
        places = [*(self.folder / "etc").rglob("*"), *self.units.rglob("*")]
        return {str(path.relative_to(self.folder)): oct(path.stat().st_mode)[-3:] for path in places if path.is_file()}
