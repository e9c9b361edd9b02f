# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The health check of ffmpeg_encoder where there is no systemd, with a real encoder, a real ingest and real media."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import ingest, media

for reason in (ingest.missing(), media.missing()):
    if reason:
        pytest.skip(reason, allow_module_level=True)

from tests.encoder.lab import EncoderLab, encoder_lab, name_of  # noqa: E402

pytestmark = pytest.mark.e2e

PRESET = "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c0001"
HOST, KEYNOTE, NIGHT = "enc-a", "Main hall/Keynote", "Main hall/Night"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EncoderLab]:
    folder = tmp_path_factory.mktemp("lab")
    night = folder / "night.mp4"
    media.make_loops(Path(".cache/media").resolve())
    black = ["-f", "lavfi", "-i", "color=black:size=320x180:rate=30", "-f", "lavfi", "-i", "anullsrc"]
    encoding = ["-t", "10", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "30", "-c:a", "aac"]
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", *black, *encoding, str(night)], check=True)
    user = {"username": "host", "email": "host@example.com"}
    credentials = {name: f"sim-{name}-{secrets.token_hex(12)}" for name in ("api_key", "token")}
    seed = {"users": [user | credentials], "presets": [{"id": PRESET, "name": "Stage", "type": "rtmp"}], "rooms": []}
    one = {"preset_id": PRESET, "mode": "rtmp", "encoder": HOST}
    rooms = [{"title": "Main hall", "sessions": [{"title": "Keynote", **one}, {"title": "Night", **one}]}]
    with encoder_lab(folder, rooms, seed) as running:
        running.variables |= {
            "ffmpeg_encoder_profile": {"name": "copy"},
            "ffmpeg_encoder_sources": {
                KEYNOTE: {
                    "type": "file",
                    "path": str(media.make_loops(Path(".cache/media").resolve())["testsrc-360p"]),
                },
                NIGHT: {"type": "file", "path": str(night)},
            },
            "ffmpeg_encoder_health_look": True,
        }
        yield running


def check(lab: EncoderLab, *arguments: str) -> tuple[int, str]:
    """Call the health check as a monitor does."""
    command = [sys.executable, str(lab.root(HOST) / "health.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def record(lab: EncoderLab, label: str) -> dict[str, Any]:
    result = json.loads((lab.root(HOST) / "run" / "health.json").read_text())
    assert time.time() - result["checked"] < 60
    found: dict[str, Any] = result["streams"][name_of(label)]
    return found


def wait_until_well(lab: EncoderLab, label: str, *, well: bool, timeout: float = 30.0) -> str:
    deadline = time.monotonic() + timeout
    while True:
        code, said = check(lab)
        found = record(lab, label)
        if found["healthy"] is well and bool(found["problem"]) is not well:
            return said
        assert time.monotonic() < deadline, (code, said)
        time.sleep(1)


def test_a_stream_that_is_off_air_fails_with_a_reason_and_is_well_again_by_itself(lab: EncoderLab) -> None:
    run = lab.converge("--diff")
    assert run.returncode == 0, run.output
    ids = lab.sessions()
    for one in ids.values():
        lab.wait_until_playing(one)
    wait_until_well(lab, KEYNOTE, well=True)
    # Black and silent at two checks in a row, while the other stream is well.
    said = wait_until_well(lab, NIGHT, well=False)
    assert record(lab, NIGHT)["state"] == "black and silent"
    assert f"{NIGHT} ({name_of(NIGHT)}) has not been well for " in said
    assert "its picture is black for at least " in said
    assert record(lab, KEYNOTE)["healthy"] is True
    assert json.loads(check(lab, "--report")[1])[name_of(KEYNOTE)] == {
        "state": "on air",
        "label": KEYNOTE,
        "problem": "",
    }

    lab.ingest.stop()
    try:
        said = wait_until_well(lab, KEYNOTE, well=False)
        assert f"{KEYNOTE} ({name_of(KEYNOTE)}) has not been well for " in said
        assert record(lab, KEYNOTE)["state"] in ("connecting", "waiting")
        assert check(lab)[0] == 1
        assert [key for key in lab.simulator.issued_keys() if key in said] == []
    finally:
        with lab.simulator.service.lock:
            for session in lab.simulator.service.sessions.values():
                session.publisher = None
        lab.ingest.start()
    assert f"{KEYNOTE} ({name_of(KEYNOTE)}) is on air again." in wait_until_well(lab, KEYNOTE, well=True, timeout=90)


def test_a_second_run_changes_nothing_and_absent_leaves_nothing(lab: EncoderLab) -> None:
    again = lab.converge()
    assert again.recap(HOST)["changed"] == 0, again.output
    absent = lab.converge(provision=False, ffmpeg_encoder_state="absent")
    assert absent.returncode == 0, absent.output
    assert not lab.root(HOST).exists()


def test_options_that_cannot_work_are_refused_before_anything_is_written(lab: EncoderLab) -> None:
    room, _separator, title = KEYNOTE.partition("/")
    good = {"session_id": lab.sessions()[KEYNOTE], "room": room, "title": title, "rtmp_url": lab.ingest.rtmp_url}
    expected: dict[str, tuple[dict[str, object], str]] = {
        "look without a URL": ({"ffmpeg_encoder_health_look": True}, "no hls_url like https://host/path says where"),
        "unit without a suffix": ({"ffmpeg_encoder_on_failure_units": ["mail"]}, "the full name of a systemd unit"),
    }
    cases = {
        name: {"ffmpeg_encoder_streams": [good], "ffmpeg_encoder_health_look": False, **change}
        for name, (change, _complaint) in expected.items()
    }
    said = lab.refusals(cases)
    assert {name: one for name, (_change, one) in expected.items() if one not in said[name]} == {}, said
    assert not lab.root(HOST).exists()
