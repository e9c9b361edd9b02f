# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests as the controller sends them, a systemd that only remembers what it was told, and a host below a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.commands import Done
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.convergence import converge

KEY = "a-key-of-talk"
# The parts of a request, and of what a host is to have, without which nothing happens.
NOTHING: Mapping[str, Any] = {"units": [], "taken_back": [], "leaving": [], "stopping": []} | dict.fromkeys(
    ("claim", "present", "edited", "absent")
)
NO_MORE: Mapping[str, Any] = {"person": None, "service": None, "report": None, "refused": None}


class RememberingSystemd:
    """``active`` and ``enabled`` are units; those that have ``given_up`` end with the code 77 as soon as they start.

    ``refused`` are words that fail, ``stale`` units that need a reload. ``on_failure`` are units that start when
    another one is stopped, and ``late`` those that start one after the other, each after another has been forgotten as
    failed. ``journal`` has the last line of units, ``reports`` what the health check says, one after the other.
    """

    def __init__(self) -> None:
        self.active: set[str] = set()
        self.enabled: set[str] = set()
        self.refused: set[str] = set()
        self.given_up: set[str] = set()
        self.stale: set[str] = set()
        self.commands: list[list[str]] = []
        self.started = 1
        self.on_failure: dict[str, str] = {}
        self.late: list[str] = []
        self.journal: dict[str, str] = {}
        self.reports: list[dict[str, Any]] = []
        self.asked = 0

    def __call__(self, command: Sequence[str], _environment: Mapping[str, str] | None = None) -> Done:
        if command[0] == "journalctl":
            return Done(0, self.journal.get(command[-1].partition("=")[2], ""))
        if command[-1] == "--report":
            self.asked += 1
            return Done(0, json.dumps(self.reports.pop(0) if len(self.reports) > 1 else self.reports[0]))
        word, units = command[1], [one for one in command[2:] if not one.startswith("--")]
        if word == "show":
            return Done(0, "\n".join(self._shown(unit) for unit in units))
        self.commands.append([word, *units])
        if word in self.refused:
            return Done(1, "", f"Job for {units[0]} failed.\n")
        match word:
            case "daemon-reload":
                self.stale.clear()
            case "start" | "restart":
                self.active |= set(units) - self.given_up
            case "stop":
                failed = {self.on_failure[unit] for unit in units if unit in self.on_failure and unit in self.active}
                self.active = self.active - set(units) | failed
            case "reset-failed":
                self.active |= {self.late.pop(0)} if self.late else set()
            case "enable":
                self.enabled |= set(units)
            case "disable":
                self.enabled -= set(units)
        return Done(0, "")

    def _shown(self, unit: str) -> str:
        is_active = unit in self.active
        values = {
            "ActiveState": "active" if is_active else "inactive",
            "SubState": "running" if is_active else "failed" if unit in self.given_up else "dead",
            "ExecMainStatus": "77" if unit in self.given_up else "0",
            "UnitFileState": "enabled" if unit in self.enabled else "disabled",
            "NeedDaemonReload": "yes" if unit in self.stale else "no",
            "ExecMainStartTimestampMonotonic": str(self.started),
        }
        return "".join(f"{name}={value}\n" for name, value in values.items())


class Host:
    """A host whose folders are below ``folder``, with streams under systemd."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "etc" / "encoder"
        self.units = folder / "units"
        self.units.mkdir(parents=True)
        self.systemd = RememberingSystemd()

    def present(self, *names: str, key: str | None = KEY, settings: str = "{}") -> dict[str, Any]:
        """Return a request for these streams."""
        folders = [str(self.root), *(str(self.root / one) for one in ("keys", "streams", "about", "stamps"))]
        files = [file(self.root / "about" / f"{name}.json", "{}") for name in names]
        files += [file(self.key(name), key, shown=False, note="stream key fp-1") for name in names]
        files += [file(self.root / "streams" / f"{name}.json", settings, shown=False) for name in names]
        files.append(file(self.units / "e@.service", "[Service]\n", mode="0644"))
        present = {
            "folders": [{"path": path, "mode": "0700"} for path in folders],
            "files": files,
            "streams": [
                {"name": name, "key": str(self.key(name)), "revision": settings, "status": str(self.status(name))}
                for name in names
            ],
            **NO_MORE,
            "start_timeout": 0,
            "up_seconds": 3,
            "try_seconds": 0,
            "not_up": "They do not stay up.",
        }
        return self.request(present=present)

    def status(self, name: str) -> Path:
        return self.root / "run" / name / "status.json"

    def request(self, **parts: Any) -> dict[str, Any]:
        manager = {"kind": "systemd", "folder": str(self.units), "unit": "e@{}.service"}
        manager["stamps"] = str(self.root / "stamps")
        return {"root": str(self.root), "manager": manager, **NOTHING, **parts}

    def leaving(self, *names: str) -> list[dict[str, Any]]:
        parts = ("stamps/{}", "streams/{}.json", "keys/{}.key", "about/{}.json")
        return [{"name": name, "paths": [str(self.root / one.format(name)) for one in parts]} for name in names]

    def key(self, name: str) -> Path:
        return self.root / "keys" / f"{name}.key"

    def converge(self, request: Mapping[str, Any], *, check: bool = False, diff: bool = False) -> dict[str, Any]:
        self.systemd.commands.clear()
        return converge(request, self.systemd, check=check, diff=diff)

    def tree(self) -> dict[str, bytes]:
        top = self.units.parent
        return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def file(path: Path, content: str | None, *, mode: str = "0600", shown: bool = True, note: str = "") -> dict[str, Any]:
    return {"path": str(path), "content": content, "mode": mode, "shown": shown, "note": note}
