# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The streams of a host as instances of a systemd unit, and further units such as a timer."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .commands import Done, HostError, Run
from .files import Files, replace
from .outcome import Outcome, revision_of

_RUNNING = ("active", "activating", "reloading")
# Seconds between two looks at units that others may start.
_MOMENT, _MOST_LOOKS = 0.3, 10
# A unit that has started within as many seconds may be one that does not stay up.
_LATELY, _UNITS_IN_MESSAGE = 5.0, 3


class Systemd:
    """``settings``: ``folder`` of the units, ``unit`` with ``{}`` for a stream's name, and the folder of ``stamps``.

    A stamp records what a stream was started with. It is written after the start, so a run that was killed before is
    made good by the next one.
    """

    def __init__(self, settings: Mapping[str, Any], files: Files, run: Run) -> None:
        self._folder: str = settings["folder"]
        self._unit: str = settings["unit"]
        self._stamps: str = settings["stamps"]
        self._files = files
        self._run = run
        # How many of the changed files systemd has read.
        self._read = 0

    def leave(self, names: Sequence[str], outcome: Outcome) -> None:
        """Stop streams for good, and remove the settings of their units."""
        self.stop(names, outcome)
        for unit in self._units(names):
            self._files.remove(f"{self._folder}/{unit}.d")

    def stop(self, names: Sequence[str], outcome: Outcome) -> None:
        template = re.sub("@.*", "@.service", self._unit)
        if names and Path(self._folder, template).exists():
            self._stop(self._units(names), outcome)
        if names and not self._files.check:
            # What is not to run must not look failed for ever.
            self._run(["systemctl", "reset-failed", *self._units(names)], None)

    def start(self, streams: Sequence[Mapping[str, Any]], outcome: Outcome) -> None:
        """Start the streams, also at boot, and restart those that were started with something else."""
        units = self._units(one["name"] for one in streams)
        states = self._states(units)
        self._reload(states.values())
        revisions = {unit: revision_of(one, self._files) for unit, one in zip(units, streams)}
        names = {unit: str(one["name"]) for unit, one in zip(units, streams)}
        stamps = {unit: _text(f"{self._stamps}/{names[unit]}") for unit in units}
        fresh = [unit for unit in units if stamps[unit] != revisions[unit] or not revisions[unit]]
        idle = [unit for unit in units if not _is_running(states[unit])]
        outcome.restarted += [unit for unit in fresh if unit not in idle]
        outcome.started += idle
        self._enable([unit for unit in units if states[unit].get("UnitFileState") != "enabled"], outcome)
        if self._files.check:
            return
        if fresh:
            self._systemctl("restart", fresh)
        for unit in fresh:
            replace(f"{self._stamps}/{names[unit]}", revisions[unit].encode(), 0o600)
        if set(idle) - set(fresh):
            self._systemctl("start", [unit for unit in idle if unit not in fresh])

    def serve(self, service: Mapping[str, Any], outcome: Outcome) -> None:
        """Start a service beside the streams, also at boot.

        Restart it if its ``restart`` is not the one of its last start, and reload it if its ``reload`` is not. Both are
        recorded in ``stamps``, after that.
        """
        unit, stamps = service["name"], service["stamps"]
        state = self._states([unit])[unit]
        self._reload([state])
        fresh = _text(stamps["restart"]) != service["restart"]
        changed = _text(stamps["reload"]) != service["reload"]
        self._enable([unit] if state.get("UnitFileState") != "enabled" else [], outcome)
        if not _is_running(state):
            outcome.started.append(unit)
        elif fresh or (changed and state.get("ActiveState") != "active"):
            # A unit that is being restarted cannot be reloaded.
            outcome.restarted.append(unit)
        elif changed:
            outcome.reloaded.append(unit)
        else:
            return
        if self._files.check:
            return
        self._systemctl("reload" if unit in outcome.reloaded else "restart", [unit])
        for one in ("restart", "reload"):
            replace(stamps[one], service[one].encode(), 0o600)

    def reread(self, unit: str, stamp: str, digest: str, outcome: Outcome) -> None:
        """Have a service read its settings again, unless it has read those with this digest.

        One that does not run reads them when it starts.
        """
        if _text(stamp) == digest or self._states([unit])[unit].get("ActiveState") != "active":
            return
        outcome.reloaded.append(unit)
        if not self._files.check:
            self._systemctl("reload", [unit])
            replace(stamp, digest.encode(), 0o600)

    def wait(
        self, names: Sequence[str], further: Sequence[str], seconds: float, timeout: int, refused: int | None = None
    ) -> bool:
        """Wait until all streams and further units have been running for some seconds, or have given up.

        The seconds are more than systemd waits before a restart.
        """
        units = [*self._units(names), *further]
        until = time.monotonic() + timeout
        while True:
            if not self._not_up(units, seconds, refused):
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(0.5)

    def given_up(self, names: Sequence[str], refused: int | None) -> list[str]:
        """Return the streams that have failed with the exit code ``refused``."""
        if refused is None:
            return []
        shown = self._show(self._units(names), "SubState", "ExecMainStatus")
        return [name for name, one in zip(names, shown.values()) if _has_given_up(one, refused)]

    def last_words(self, names: Sequence[str], further: Sequence[str]) -> str:
        """Return what the first units that do not run have said last, as a sentence; empty if that is nothing."""
        found = []
        for unit in self._not_up([*self._units(names), *further], _LATELY)[:_UNITS_IN_MESSAGE]:
            asked = ["journalctl", "--quiet", "--no-pager", "--lines=1", "--output=cat", f"_SYSTEMD_UNIT={unit}"]
            said = self._run(asked, None)
            if said.code == 0 and said.output.strip():
                found.append(f" {unit} said last: {said.said}.")
        return "".join(found)

    def _not_up(self, units: Sequence[str], seconds: float, refused: int | None = None) -> list[str]:
        """Return the units that do not run, or have not run for these seconds, without those that have given up."""
        begun = time.monotonic() - seconds
        shown = self._show(units, "SubState", "ExecMainStartTimestampMonotonic", "ExecMainStatus")
        waited_for = {unit: one for unit, one in shown.items() if not _has_given_up(one, refused)}
        return [
            unit
            for unit, one in waited_for.items()
            if one.get("SubState") != "running" or int(one.get("ExecMainStartTimestampMonotonic") or 0) / 1e6 > begun
        ]

    def further(self, units: Sequence[Mapping[str, Any]], outcome: Outcome) -> None:
        """Bring further units to their ``state``: started (also at boot), written, stopped or absent.

        If one of their files is written, those that are started start again: the file of a timer may be the same while
        that of its service has changed.
        """
        ended = [
            one["name"] for one in units if one["state"] in ("stopped", "absent") and self._path(one["name"]).exists()
        ]
        self._stop(ended, outcome)
        if ended and not self._files.check:
            self._settle(ended)
        for one in units:
            if one["state"] == "absent":
                self._files.remove(str(self._path(one["name"])))
        kept = [one for one in units if one["state"] in ("started", "written")]
        contents = [(str(self._path(one["name"])), one["content"].encode()) for one in kept]
        written = [self._files.file(path, content, 0o644, shown=True) for path, content in contents]
        names = [one["name"] for one in kept if one["state"] == "started"]
        states = self._states(names)
        self._reload(states.values())
        idle = [name for name in names if not _is_running(states[name])]
        running = [name for name in names if name not in idle and any(written)]
        outcome.started += idle
        outcome.restarted += running
        self._enable([name for name in names if states[name].get("UnitFileState") != "enabled"], outcome)
        if [*idle, *running] and not self._files.check:
            self._systemctl("restart", [*idle, *running])

    def _settle(self, units: Sequence[str]) -> None:
        """End what units have started when they were stopped, until nothing of them runs or looks failed.

        A check that is stopped in the middle has failed. So systemd starts what it starts then, one unit after the
        other, and each only a moment after the one before has ended.
        """
        quiet = 0
        for _look in range(_MOST_LOOKS):
            states = self._states(units)
            left = [name for name in units if _is_running(states[name])]
            if left:
                self._systemctl("stop", left)
            # What no longer runs must not look failed for ever.
            self._run(["systemctl", "reset-failed", *units], None)
            quiet = quiet + 1 if all(one.get("ActiveState") == "inactive" for one in states.values()) else 0
            if quiet > 1:
                return
            time.sleep(_MOMENT)

    def end(self, units: Sequence[str], commands: Sequence[Sequence[str]], outcome: Outcome) -> None:
        """Stop and remove the units that the streams share, and let systemd forget them."""
        there = [unit for unit in units if self._path(unit).exists()]
        self._stop([unit for unit in there if "@." not in unit], outcome)
        for unit in units:
            self._files.remove(str(self._path(unit)))
        if there and not self._files.check:
            self._systemctl("daemon-reload", [])
            for command in commands:
                self._run(command, None)

    def _stop(self, units: Sequence[str], outcome: Outcome) -> None:
        states = self._states(units)
        running = [unit for unit in units if _is_running(states[unit])]
        enabled = [unit for unit in units if states[unit].get("UnitFileState") == "enabled"]
        outcome.stopped += [unit for unit in units if unit in running or unit in enabled]
        if self._files.check:
            return
        if enabled:
            self._systemctl("disable", enabled)
        if running:
            self._systemctl("stop", running)

    def _enable(self, units: Sequence[str], outcome: Outcome) -> None:
        outcome.enabled += units
        if units and not self._files.check:
            self._systemctl("enable", units)

    def _reload(self, states: Iterable[Mapping[str, str]]) -> None:
        """Reload the units if one of them was written, also by an earlier run that was killed before it did this."""
        changed = [path for path in (*self._files.written, *self._files.deleted) if path.startswith(f"{self._folder}/")]
        is_needed = len(changed) > self._read or any(one.get("NeedDaemonReload") == "yes" for one in states)
        self._read = len(changed)
        if is_needed and not self._files.check:
            self._systemctl("daemon-reload", [])

    def _units(self, names: Iterable[str]) -> list[str]:
        return [self._unit.format(name) for name in names]

    def _path(self, unit: str) -> Path:
        return Path(self._folder, unit)

    def _states(self, units: Sequence[str]) -> dict[str, dict[str, str]]:
        return self._show(units, "ActiveState", "UnitFileState", "NeedDaemonReload")

    def _show(self, units: Sequence[str], *properties: str) -> dict[str, dict[str, str]]:
        """Return properties of units, by unit. systemctl prints a block for each unit, in their order."""
        if not units:
            return {}
        done = self._run(["systemctl", "show", *(f"--property={one}" for one in properties), *units], None)
        blocks = [block for block in done.output.split("\n\n") if block.strip()]
        if done.code != 0 or len(blocks) != len(units):
            raise HostError(_failed("show", done))
        return {
            unit: dict(line.partition("=")[::2] for line in block.splitlines() if line)
            for unit, block in zip(units, blocks)
        }

    def _systemctl(self, word: str, units: Sequence[str]) -> None:
        done = self._run(["systemctl", word, *units], None)
        if done.code != 0:
            raise HostError(_failed(word, done))


def _is_running(state: Mapping[str, str]) -> bool:
    return state.get("ActiveState") in _RUNNING


def _has_given_up(shown: Mapping[str, str], refused: int | None) -> bool:
    return shown.get("SubState") == "failed" and shown.get("ExecMainStatus") == str(refused)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _failed(word: str, done: Done) -> str:
    return f"systemctl {word} has failed: {done.said}"
