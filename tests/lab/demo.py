# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make demo`: an example conference on the simulated service, with real encoders, a real ingest and real HLS.

KEEP=1 in the environment leaves it running; `--stop` ends one that was left.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.ingest import IngestError
from tests.lab.media import LOOPS, MediaError, Probe, contact_sheet, grab_frame, make_loop, probe
from tests.lab.stage import PRESET_ID, ROOT, Stage, StageError, set_stage, stop_stage

ENCODERS = ("encoder1", "encoder2")
RESULTS = ROOT / "build" / "demo"
RUNNING = RESULTS / "running.json"
MEDIA_CACHE = ROOT / "build" / "media"
EVENT_FILE = Path(__file__).with_name("conference.yml")


class DemoError(RuntimeError):
    """The demo failed; the message says why."""


@dataclass(frozen=True)
class Playing:
    """One session from Ansible's facts, with what its HLS stream plays."""

    session: dict[str, Any]
    probe: Probe
    frame: Path


def say(text: str) -> None:
    print(f"\n==> {text}", flush=True)


def main(arguments: Sequence[str]) -> int:
    if arguments == ["--stop"]:
        return stop()
    if arguments:
        print("usage: python -m tests.lab.demo [--stop]", file=sys.stderr)
        return 2
    if RUNNING.exists():
        print("A demo was left running. End it first: make demo-stop", file=sys.stderr)
        return 1
    # SIGTERM cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="tenbyte-webinar-demo-"))
    kept = False
    try:
        stage = set_the_stage(folder)
        rehearse(stage)
        kept = os.environ.get("KEEP") == "1"
        if kept:
            keep(stage)
        return 0
    except (DemoError, StageError, IngestError, MediaError) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    finally:
        if not kept:
            # A second Ctrl-C must not interrupt the cleaning up.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            stop_stage(folder)
            print("Cleaned up: encoders, ingest and simulator have ended, their folder is removed.", flush=True)


def set_the_stage(folder: Path) -> Stage:
    say("Making five short clips as sources" + (" (kept from an earlier demo)" if MEDIA_CACHE.exists() else ""))
    sources = folder / "media"
    sources.mkdir()
    for loop in LOOPS:
        shutil.copy(make_loop(loop, MEDIA_CACHE), sources / f"{loop.name}.mp4")
    say("Starting a simulated webinar service and a real ingest (nginx-rtmp), on loopback")
    stage = set_stage(folder, ENCODERS)
    print(
        f"    service  {stage.api_url}\n    ingest   {stage.ingest.rtmp_url}\n    viewers  {stage.ingest.hls_base_url}"
    )
    return stage


def rehearse(stage: Stage) -> None:
    say("Rehearsing the conference: rooms, sessions, keys, encoders, on air")
    play(stage, "tenbyte.webinar.rehearse")
    say("The same playbook again: nothing may change")
    recap = play(stage, "tenbyte.webinar.rehearse")
    changed = {host: counts["changed"] for host, counts in recap.items() if counts["changed"]}
    if changed:
        raise DemoError(f"the second run changed something: {changed}")
    say("What every HLS URL plays")
    playing = [probed(session) for session in stage.sessions().values()]
    print("\n" + table(playing))
    sheet = contact_sheet(
        [item.frame for item in playing],
        [f"{item.session['room']}/{item.session['title']}" for item in playing],
        RESULTS / "contact-sheet.png",
    )
    print(f"\n{len(playing)} of {len(playing)} sessions are on air with H.264 and AAC. A frame of each: {sheet}")


def play(stage: Stage, playbook: str) -> dict[str, dict[str, int]]:
    """Run a playbook, show what Ansible prints, and return its recap; raise DemoError where it fails."""
    command = [str(stage.programs / "ansible-playbook"), playbook, "-i", str(stage.inventory), "-e", f"@{EVENT_FILE}"]
    command += ["-e", json.dumps({"demo_preset_id": PRESET_ID, "demo_media": str(stage.folder / "media")})]
    environment = stage.environment() | ({"ANSIBLE_FORCE_COLOR": "1"} if sys.stdout.isatty() else {})
    print(f"    ansible-playbook {playbook} -i inventory.yml -e @{EVENT_FILE.relative_to(ROOT)}", flush=True)
    lines = []
    with subprocess.Popen(
        command, env=environment, cwd=stage.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(f"    {line}", end="", flush=True)
            lines.append(re.sub(r"\x1b\[[0-9;]*m", "", line))
    if process.returncode != 0:
        raise DemoError(f"ansible-playbook {playbook} ended with {process.returncode}; its output says why")
    counts = (re.match(r"(\S+) +: (ok=.*)", line) for line in lines)
    return {
        found[1]: {name: int(count) for name, count in (part.split("=") for part in found[2].split())}
        for found in counts
        if found
    }


def probed(session: dict[str, Any]) -> Playing:
    found = probe(session["hls_url"])
    if (found.video_codec, found.audio_codec) != ("h264", "aac"):
        raise DemoError(f"{session['hls_url']} plays {found.video_codec} and {found.audio_codec}, not H.264 and AAC")
    frame = grab_frame(session["hls_url"], RESULTS / "frames" / f"{session['id']}.png")
    return Playing(session, found, frame)


def table(playing: Sequence[Playing]) -> str:
    rows = [("ROOM", "SESSION", "STATUS", "ENCODER", "HLS URL", "VIDEO", "KBIT/S", "KEY FINGERPRINT")]
    for item in playing:
        session = item.session
        rows.append(
            (
                session["room"],
                session["title"],
                session["status"],
                session["encoder"],
                session["hls_url"],
                item.probe.size,
                str(round(item.probe.bitrate / 1000)),
                session["stream_key_fingerprint"],
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def keep(stage: Stage) -> None:
    RUNNING.write_text(json.dumps({"folder": str(stage.folder)}))
    settings = stage.folder / "controller.env"
    names = {**stage.environment(), "ANSIBLE_INVENTORY": str(stage.inventory)}
    # It holds the credential of the simulated account, which is no secret, in a folder of mode 0700.
    settings.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in names.items()))
    print(f"Left running, as KEEP=1 asked. Watch with: ffplay {next(iter(stage.sessions().values()))['hls_url']}")
    print(f"Run playbooks against it: (. {settings}; ansible-playbook tenbyte.webinar.status)")
    print("End it with: make demo-stop")


def stop() -> int:
    if not RUNNING.exists():
        print("No demo was left running.")
        return 0
    folder = Path(json.loads(RUNNING.read_text())["folder"])
    ended = stop_stage(folder)
    RUNNING.unlink()
    print(f"Ended {ended} processes and removed {folder}.")
    return 0


if __name__ == "__main__":
    started = time.monotonic()
    code = main(sys.argv[1:])
    if not sys.argv[1:]:
        print(f"The demo took {time.monotonic() - started:.0f} s.", flush=True)
    sys.exit(code)
