# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a molecule scenario needs on this host: machines, and a simulated service and an ingest that they reach.

``python -m tests.lab.scenario COMMAND FOLDER [ARGUMENT …]``:

- ``up`` reads a JSON list of platforms (name, packages, release) from its standard input, boots them, and leaves
  ``FOLDER/lab.json``, mode 0600, which says how to reach everything; ``down`` ends all of it;
- ``cut MACHINE`` pulls a machine's network cable, ``join MACHINE`` puts it back; ``ingest-stop`` and ``ingest-start``;
- ``note`` records what the machines have; ``left`` prints what they have in addition;
- ``search PLACE …`` prints where a stream key can be read, except in files below the places that only their owner
  can read;
- ``why-not`` prints why no scenario can run on this host, if none can.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.lab import ingest, machines, media, remains, stage
from tests.lab.roots import LabError

USER = "root"


def up(folder: Path, platforms: Sequence[machines.Platform]) -> None:
    """Boot the machines and set the stage."""
    why = why_not()
    if why:
        raise LabError(why)
    down(folder)
    try:
        network, booted = machines.start(folder / "machines", platforms)
        set_ = stage.set_stage(folder / "stage", [machine.name for machine in booted], network.address)
        clips = {name: str(file) for name, file in media.make_loops(stage.ROOT / "build" / "media").items()}
        description = {
            "api_url": set_.api_url,
            "api_key": set_.api_key,
            "simulator_url": set_.api_url.partition("/v1/")[0] + "/_simulator",
            "ledger_url": f"sqlite:///{folder}/stage/ledger/ledger.sqlite3",
            "preset_id": stage.PRESET_ID,
            "other_preset_id": stage.OTHER_PRESET_ID,
            "gateway": network.address,
            "rtmp_url": set_.ingest.rtmp_url,
            "hls_base_url": set_.ingest.hls_base_url,
            "clips": clips,
            "machines": [_instance(folder, machine) for machine in booted],
            "ingest": _ingest(set_.ingest),
        }
        with os.fdopen(os.open(folder / "lab.json", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            json.dump(description, file, indent=2)
    except BaseException:
        down(folder)
        raise


def down(folder: Path) -> None:
    """End all that ``up`` started and remove the folder. Does nothing if there is nothing."""
    machines.stop(folder / "machines")
    stage.stop_stage(folder)


def why_not() -> str | None:
    """Why no scenario can run on this host, or None if one can."""
    return machines.missing() or ingest.missing() or media.missing()


def _instance(folder: Path, machine: machines.Machine) -> dict[str, Any]:
    """Return a machine in the form of molecule's instance configuration."""
    key = str(folder / "machines" / "id_ed25519")
    return {"instance": machine.name, "address": machine.address, "user": USER, "port": 22, "identity_file": key}


def _ingest(running: ingest.Ingest) -> dict[str, Any]:
    """Return the settings to start the same ingest again."""
    return {
        "callback_url": running.callback_url,
        "rtmp_port": running.rtmp_port,
        "http_port": running.http_port,
        "address": running.address,
    }


def ingest_stop(folder: Path) -> None:
    """Kill the ingest: publishers lose the connection."""
    pid_file = folder / "stage" / "ingest" / "nginx.pid"
    stage.end_processes([int(pid_file.read_text())])


def ingest_start(folder: Path) -> None:
    """Start the ingest again on the same ports."""
    known = json.loads((folder / "lab.json").read_text())["ingest"]
    ingest.Ingest(folder / "stage" / "ingest", **known).start()


def plug(folder: Path, names: Sequence[str], act: Callable[[machines.Machine], None]) -> None:
    """Take machines off the network, or put them back on it."""
    found = {machine.name: machine for machine in machines.running(folder / "machines")}
    for name in names:
        if name not in found:
            raise LabError(f"there is no machine {name}; there are: {' '.join(found) or 'none'}")
        act(found[name])


def note(folder: Path) -> None:
    """Record what the machines have now, for ``left``."""
    snapshots = {machine.name: remains.snapshot(machine, folder / "machines") for machine in _machines(folder)}
    (folder / "before.json").write_text(json.dumps(snapshots))


def left(folder: Path) -> list[str]:
    """What the machines have now in addition to what ``note`` recorded, and every place of a key."""
    before = json.loads((folder / "before.json").read_text())
    found = search(folder, ())
    for machine in _machines(folder):
        now = remains.snapshot(machine, folder / "machines")
        found += remains.differences(machine.name, before[machine.name], now)
    return found


def search(folder: Path, allowed: Sequence[str]) -> list[str]:
    """Where stream keys or the credential can be read: on a machine, except below ``allowed``, or in the output."""
    known = json.loads((folder / "lab.json").read_text())
    with urllib.request.urlopen(f"{known['simulator_url']}/issued_keys", timeout=10) as answer:
        secrets = [*json.load(answer), known["api_key"]]
    found = []
    for machine in _machines(folder):
        found += remains.places_of(machine, folder / "machines", secrets, allowed)
    # scripts/molecule writes molecule's output to it.
    log = os.environ.get("LAB_LOG")
    if log and any(secret in Path(log).read_text(errors="replace") for secret in secrets):
        found.append("the output of molecule")
    return found


def _machines(folder: Path) -> list[machines.Machine]:
    found = machines.running(folder / "machines")
    if not found:
        raise LabError(f"no machine was started in {folder}")
    return found


def _report(found: Sequence[str]) -> None:
    """Print one line for each finding, and fail if there is one."""
    print("\n".join(found) if found else "nothing found")
    if found:
        sys.exit(1)


def _platforms() -> list[machines.Platform]:
    return [
        machines.Platform(asked["name"], tuple(asked.get("packages") or ()), asked.get("release") or "")
        for asked in json.load(sys.stdin)
    ]


COMMANDS: dict[str, Callable[[Path, Sequence[str]], object]] = {
    "up": lambda folder, _names: up(folder, _platforms()),
    "down": lambda folder, _names: down(folder),
    "cut": lambda folder, names: plug(folder, names, machines.cut),
    "join": lambda folder, names: plug(folder, names, machines.join),
    "ingest-stop": lambda folder, _names: ingest_stop(folder),
    "ingest-start": lambda folder, _names: ingest_start(folder),
    "note": lambda folder, _names: note(folder),
    "left": lambda folder, _names: _report(left(folder)),
    "search": lambda folder, allowed: _report(search(folder, allowed)),
    "why-not": lambda _folder, _names: print(why_not() or "", end=""),
}


def main(arguments: Sequence[str]) -> int:
    if len(arguments) < 2 or arguments[0] not in COMMANDS:
        print(f"usage: python -m tests.lab.scenario {'|'.join(COMMANDS)} FOLDER [MACHINE …]", file=sys.stderr)
        return 2
    # The folders of a machine's root need the usual modes.
    os.umask(0o022)
    # SIGTERM cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    try:
        COMMANDS[arguments[0]](Path(arguments[1]).resolve(), arguments[2:])
    except (LabError, stage.StageError, ingest.IngestError, media.MediaError) as error:
        print(f"The lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
