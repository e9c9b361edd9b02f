# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import ingest, media

for reason in (ingest.missing(), media.missing()):
    if reason:
        pytest.skip(reason, allow_module_level=True)

from tests.encoder.lab import EncoderLab, encoder_lab, name_of, processes_that_show  # noqa: E402

pytestmark = pytest.mark.e2e

PRESET = "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c0001"
KEYNOTE, BREAK, WORKSHOP = "Main hall/Keynote", "Main hall/Break", "Side room/Work; $(shop) %n ${HOME} \"'"
SMALL_PATTERN = {"type": "test_pattern", "size": "320x180"}
CHEAP = {"name": "x264", "preset": "ultrafast", "video_bitrate": "300k"}


def session(title: str, encoder: str) -> dict[str, str]:
    return {"title": title.partition("/")[2], "preset_id": PRESET, "mode": "rtmp", "encoder": encoder}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EncoderLab]:
    folder = tmp_path_factory.mktemp("lab")
    loops = media.make_loops(Path(".cache/media").resolve())
    awkward = folder / 'a film ; #1 $HOME 100% "it\'s".mp4'
    shutil.copy(loops["testsrc-360p"], awkward)
    user = {"username": "host", "email": "host@example.com"}
    credentials = {name: f"sim-{name}-{secrets.token_hex(12)}" for name in ("api_key", "token")}
    seed = {"users": [user | credentials], "presets": [{"id": PRESET, "name": "Stage", "type": "rtmp"}], "rooms": []}
    rooms = [
        {"title": "Main hall", "sessions": [session(KEYNOTE, "enc-a"), session(BREAK, "enc-a")]},
        {"title": "Side room", "sessions": [session(WORKSHOP, "enc-b")]},
    ]
    with encoder_lab(folder, rooms, seed) as running:
        running.variables |= {
            "ffmpeg_encoder_source": {"type": "file", "path": str(awkward)},
            "ffmpeg_encoder_profile": {"name": "copy"},
            "ffmpeg_encoder_sources": {KEYNOTE: SMALL_PATTERN},
            "ffmpeg_encoder_profiles": {KEYNOTE: CHEAP},
        }
        yield running


@pytest.fixture(scope="module")
def streaming(lab: EncoderLab) -> EncoderLab:
    rehearsal = lab.converge("--check")
    assert rehearsal.returncode == 0, rehearsal.output
    assert not lab.root("enc-a").exists()
    run = lab.converge("-vvv", "--diff")
    assert run.returncode == 0, run.output
    assert [key for key in lab.simulator.issued_keys() if key in run.output] == []
    return lab


def test_every_session_plays_on_its_host_and_a_second_run_changes_nothing(streaming: EncoderLab) -> None:
    ids = streaming.sessions()
    assert set(ids) == {KEYNOTE, BREAK, WORKSHOP}
    shown = {title: streaming.wait_until_playing(one) for title, one in ids.items()}
    assert {title: (probe.video_codec, probe.audio_codec, probe.size) for title, probe in shown.items()} == {
        KEYNOTE: ("h264", "aac", "320x180"),
        BREAK: ("h264", "aac", "640x360"),
        WORKSHOP: ("h264", "aac", "640x360"),
    }
    assert {path.stem for path in (streaming.root("enc-b") / "keys").iterdir()} == {name_of(WORKSHOP)}
    before = streaming.pids()
    again = streaming.converge()
    assert [again.recap(host)["changed"] for host in ("enc-a", "enc-b")] == [0, 0], again.output
    assert streaming.pids() == before


def test_a_key_is_only_in_its_own_file_that_nobody_else_can_read(streaming: EncoderLab) -> None:
    for title, one in streaming.sessions().items():
        key = streaming.simulator.service.stream_key_of(one)
        host = "enc-b" if title == WORKSHOP else "enc-a"
        holder = streaming.root(host) / "keys" / f"{name_of(title)}.ffpreset"
        assert stat.S_IMODE(holder.stat().st_mode) == 0o600
        assert stat.S_IMODE(holder.parent.stat().st_mode) == 0o700
        assert processes_that_show(key) == []
        # The ingest removes segments while they are searched; media hold no key.
        files = [path for path in streaming.folder.rglob("*") if path.is_file() and path.suffix != ".ts"]
        assert [path for path in files if key.encode() in path.read_bytes()] == [holder]
    # The run's credentials for the service are not inherited by what it leaves running.
    api_key = streaming.controller.api_key
    assert processes_that_show(api_key) == []


def test_a_changed_setting_restarts_that_stream_and_no_other(streaming: EncoderLab) -> None:
    ids, before = streaming.sessions(), streaming.pids()
    streaming.variables["ffmpeg_encoder_profiles"] = {KEYNOTE: CHEAP | {"video_bitrate": "400k"}}
    run = streaming.converge()
    assert run.returncode == 0, run.output
    after = streaming.pids()
    assert {one for one in before if before[one] != after[one]} == {KEYNOTE}
    streaming.wait_until_playing(ids[KEYNOTE])


def test_a_changed_key_restarts_that_stream_also_after_a_run_that_died_before_the_restart(
    streaming: EncoderLab,
) -> None:
    ids, before = streaming.sessions(), streaming.pids()
    streaming.rotate_key(ids[BREAK])
    # What a run leaves that writes a key and dies: a file that is newer than the process.
    left = streaming.root("enc-b") / "keys" / f"{name_of(WORKSHOP)}.ffpreset"
    left.write_bytes(left.read_bytes())
    run = streaming.converge()
    assert run.returncode == 0, run.output
    after = streaming.pids()
    assert {one for one in before if before[one] != after[one]} == {BREAK, WORKSHOP}
    streaming.wait_until_playing(ids[BREAK])


def test_malformed_values_are_refused_before_anything_is_written(streaming: EncoderLab) -> None:
    room, _separator, title = KEYNOTE.partition("/")
    good = {"session_id": streaming.sessions()[KEYNOTE], "room": room, "title": title}
    good["rtmp_url"] = streaming.ingest.rtmp_url
    newer_ffmpeg = streaming.folder / "ffmpeg9"
    newer_ffmpeg.write_text("#!/bin/sh\necho ffmpeg version 9.0.2 Copyright\n")
    newer_ffmpeg.chmod(0o755)
    changes: dict[str, tuple[dict[str, object], str]] = {
        "command in a URL": ({"rtmp_url": "rtmp://127.0.0.1/live;id"}, "is not an ingest URL"),
        "line break in a URL": ({"rtmp_url": "rtmp://127.0.0.1/live\n"}, "is not an ingest URL"),
        "password in a URL": ({"rtmp_url": "rtmp://me:word@127.0.0.1/live"}, "is not an ingest URL"),
        "path as an id": ({"session_id": "../../x"}, "is not a UUID"),
        "session without key": ({"session_id": "00000000-0000-4000-8000-000000000000"}, "holds no stream key"),
        "pattern to copy": ({"source": SMALL_PATTERN, "profile": {"name": "copy"}}, "no encoded picture"),
        "file to log to": (
            {"source": SMALL_PATTERN | {"input_options": ["-report"]}},
            "what could show the stream key",
        ),
        "second output": (
            {"profile": CHEAP | {"output_options": ["-an", "copy.flv", "more.flv"]}},
            "followed by its value",
        ),
        "slate of no size": ({"slate": {"type": "color"}, "profile": CHEAP}, "needs a profile with a size"),
        "missing file": ({"source": {"type": "file", "path": "/nowhere/film.mp4"}}, "must be a file"),
    }
    cases: dict[str, dict[str, object]] = {
        name: {"ffmpeg_encoder_streams": [good | change]} for name, (change, _complaint) in changes.items()
    }
    cases["unknown sessions"] = {}
    key = streaming.simulator.service.stream_key_of(str(good["session_id"]))
    cases["key as an option"] = {
        "ffmpeg_encoder_streams": [good | {"profile": CHEAP | {"output_options": ["-metadata", f"comment={key}"]}}]
    }
    cases["newer ffmpeg"] = {"ffmpeg_encoder_streams": [good], "ffmpeg_encoder_binary": str(newer_ffmpeg)}
    expected = {name: complaint for name, (_change, complaint) in changes.items()}
    expected["key as an option"] = "hold the stream key"
    expected |= {"unknown sessions": "set ffmpeg_encoder_streams", "newer ffmpeg": "versions 5 to 8 do"}
    before, running = tree(streaming.root("enc-a")), streaming.pids()
    said = streaming.refusals(cases)
    assert {name: complaint for name, complaint in expected.items() if complaint not in said[name]} == {}, said
    assert tree(streaming.root("enc-a")) == before
    assert streaming.pids() == running


def test_a_session_that_leaves_a_host_is_stopped_there_and_its_files_go(streaming: EncoderLab) -> None:
    before = streaming.pids()
    streaming.event_rooms[0]["sessions"][1]["encoder"] = "localhost"
    run = streaming.converge()
    assert run.returncode == 0, run.output
    assert streaming.pids() == {one: pid for one, pid in before.items() if one != BREAK}
    assert [path for path in streaming.root("enc-a").rglob("*") if name_of(BREAK) in path.name] == []


def test_stopped_keeps_the_files_and_absent_leaves_nothing(streaming: EncoderLab) -> None:
    stopped = streaming.converge(provision=False, ffmpeg_encoder_state="stopped")
    assert stopped.returncode == 0, stopped.output
    assert streaming.pids() == {}
    assert (streaming.root("enc-a") / "keys" / f"{name_of(KEYNOTE)}.ffpreset").exists()
    started = streaming.converge()
    assert started.returncode == 0, started.output
    pids = streaming.pids()
    assert set(pids) == {KEYNOTE, WORKSHOP}
    absent = streaming.converge(provision=False, ffmpeg_encoder_state="absent")
    assert absent.returncode == 0, absent.output
    assert not streaming.root("enc-a").exists()
    assert not streaming.root("enc-b").exists()
    assert [pid for pid in pids.values() if Path(f"/proc/{pid}").exists()] == []
    again = streaming.converge(provision=False, ffmpeg_encoder_state="absent")
    assert [again.recap(host)["changed"] for host in ("enc-a", "enc-b")] == [0, 0], again.output


def tree(folder: Path) -> dict[str, float]:
    """Paths with the times of their last change, without what running streams write: logs, sockets and states."""
    files = (path for path in folder.rglob("*") if path.relative_to(folder).parts[0] not in ("log", "run"))
    return {os.fspath(path): path.stat().st_mtime for path in files}
