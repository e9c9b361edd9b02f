# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a stream does with cameras that are late, silent, mute or picky, and with slates. Real ffmpeg and ingest."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from encoder_commands import commands_of, slate_commands_of
from encoder_media import look_at, problem_of_files

from tests.lab.ingest import free_port

from .camera import camera
from .makers import ffmpeg as make_with_ffmpeg
from .makers import (
    film,
    live_playlist,
    plain_server,
    sound_with_cover,
    two_languages,
    web_server,
)
from .recorder import Recorder, recorder
from .running import (
    PROFILE,
    REAL_MEDIA,
    Encoder,
    encoder,
    settings_of,
    skip_without_transport_streams,
    slate,
)
from .sources import BY_NAME, make

pytestmark = REAL_MEDIA
LARGEST_PACKET = 1_000_000
# More than the heads of a file: its first pictures.
FIRST_BYTES = 6000
# Another size and another frame rate than the stream's, and no sound.
SLATES = {"image": "image", "film": "odd_size"}


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with recorder(tmp_path_factory.mktemp("ingest")) as one:
        yield one


def url(address: str, **more: Any) -> dict[str, Any]:
    return {"type": "url", "url": address, **more}


def test_a_slate_that_comes_before_a_camera_without_sound_keeps_its_tracks(ingest: Recorder, tmp_path: Path) -> None:
    port = free_port()
    settings = settings_of(ingest.rtmp_url, url(f"rtsp://127.0.0.1:{port}/main"), **slate())
    with encoder(tmp_path, "late", settings) as running:
        running.wait_for("on air", showing="slate")
        time.sleep(2)
        with camera(tmp_path / "camera", port=port):
            running.wait_for("on air", 60, showing="source")
            time.sleep(6)
    (recording,) = ingest.recordings("late")
    assert recording.codecs == ("audio:aac", "video:h264")
    # Both tracks reach to the end. So a player goes on.
    assert recording.seconds("audio") == pytest.approx(recording.seconds("video"), abs=1.0)
    assert recording.longest_gap("audio") < 3
    assert recording.longest_gap("video") < 3


@pytest.mark.parametrize("has_slate", [False, True], ids=["no slate", "slate"])
def test_a_camera_that_is_silent_for_six_seconds_does_not_cost_the_connection(
    ingest: Recorder, tmp_path: Path, *, has_slate: bool
) -> None:
    key, further = f"silent-{has_slate}", slate() if has_slate else {}
    # A gap is filled at the rate of the profile: this one would make a single packet of more than 1 MiB.
    profile = {**PROFILE, "video_bitrate": "4500k"}
    with camera(tmp_path / "camera", "aac") as one:
        settings = settings_of(ingest.rtmp_url, url(one.url), profile, **further)
        with encoder(tmp_path / "run", key, settings) as running:
            running.wait_for("on air", showing="source")
            time.sleep(3)
            one.silent.set()
            time.sleep(6)
            assert running.status["showing"] == ("slate" if has_slate else "source")
            one.silent.clear()
            running.wait_for("on air", showing="source")
            time.sleep(6)
            assert running.status["state"] == "on air"
    (recording,) = ingest.recordings(key)
    assert recording.largest < LARGEST_PACKET
    assert recording.longest_wait_for_a_key_frame() < 2.1 or has_slate


def test_a_gap_in_a_films_picture_does_not_become_one_large_packet(ingest: Recorder, tmp_path: Path) -> None:
    film = make(BY_NAME["sound_longer"], tmp_path)
    profile = {**PROFILE, "video_bitrate": "4500k"}
    settings = settings_of(ingest.rtmp_url, {"type": "file", "path": str(film)}, profile)
    with encoder(tmp_path / "run", "gap", settings) as running:
        running.wait_for("on air")
        time.sleep(16)
    (recording,) = ingest.recordings("gap")
    assert recording.seconds("video") > 14
    assert recording.largest < LARGEST_PACKET


def test_a_camera_that_sends_over_udp_only_is_read_if_the_user_says_so(ingest: Recorder, tmp_path: Path) -> None:
    with camera(tmp_path / "camera", "aac", only_udp=True) as one:
        source = url(one.url, input_options=["-rtsp_transport", "udp"])
        with encoder(tmp_path / "run", "udp", settings_of(ingest.rtmp_url, source)) as running:
            running.wait_for("on air")
        with encoder(tmp_path / "tcp", "tcp", settings_of(ingest.rtmp_url, url(one.url))) as running:
            running.wait_for("waiting")
            assert "461" in running.said or "Nonmatching transport" in running.said
            assert running.status["refusals"] == 0


def test_a_film_can_be_played_once(ingest: Recorder, tmp_path: Path) -> None:
    film = make(BY_NAME["film"], tmp_path)
    source = {"type": "file", "path": str(film), "input_options": ["-stream_loop", "0"]}
    with encoder(tmp_path / "run", "once", settings_of(ingest.rtmp_url, source)) as running:
        running.wait_for("waiting", 40, failures=0)
    assert 5 < ingest.recordings("once")[0].seconds("video") < 7


@pytest.mark.parametrize(("wanted", "tone"), [(None, 3000), ("1", 300), ("2", 3000), ("ger", 300)])
def test_the_sound_is_the_one_asked_for_or_the_default_one(
    ingest: Recorder, tmp_path: Path, wanted: str | None, tone: int
) -> None:
    source = {"type": "file", "path": str(two_languages(tmp_path))} | ({"audio_track": wanted} if wanted else {})
    key = f"track-{wanted}"
    with encoder(tmp_path / "run", key, settings_of(ingest.rtmp_url, source)) as running:
        running.wait_for("on air")
        time.sleep(3)
    file = next(ingest.folder.glob(f"recorded/{key}-*.flv"))
    assert _loudest(file) == pytest.approx(tone, abs=60)


def _loudest(file: Path) -> float:
    """The frequency of a tone, from how often its wave crosses zero."""
    command = [
        "ffmpeg",
        "-nostdin",
        "-loglevel",
        "error",
        "-ss",
        "1",
        "-i",
        str(file),
        "-t",
        "1",
        "-ac",
        "1",
        "-f",
        "s16le",
        "-",
    ]
    samples = memoryview(subprocess.run(command, capture_output=True, check=True).stdout).cast("h").tolist()
    crossings = sum(1 for before, after in pairwise(samples) if (before < 0) != (after < 0))
    return crossings / 2 / (len(samples) / 48000)


def test_a_cover_is_shown_from_the_start(ingest: Recorder, tmp_path: Path) -> None:
    source = {"type": "file", "path": str(sound_with_cover(tmp_path))}
    with encoder(tmp_path / "run", "cover", settings_of(ingest.rtmp_url, source)) as running:
        running.wait_for("on air")
        time.sleep(3)
    (recording,) = ingest.recordings("cover")
    assert recording.of("video")[0].seconds < 0.5


def test_names_and_options_are_taken_as_they_are(ingest: Recorder, tmp_path: Path) -> None:
    folder = tmp_path / "Bildschirmaufnahme 10.15\u202fAM @KEY@ %d 'x'"
    folder.mkdir()
    film = make(BY_NAME["film"], folder)
    profile = {**PROFILE, "output_options": ["-vf", "hflip", "-af", "volume=0.5"]}
    settings = settings_of(ingest.rtmp_url, {"type": "file", "path": str(film)}, profile)
    with encoder(tmp_path / "run", "names", settings) as running:
        running.wait_for("on air")
        time.sleep(1)
    # The role's own filters were added to the user's.
    assert ingest.recordings("names")[0].size == (320, 240)


def test_a_slate_costs_little_at_the_start(ingest: Recorder, tmp_path: Path) -> None:
    film = {"type": "file", "path": str(make(BY_NAME["film"], tmp_path))}
    took: dict[str, list[float]] = {"plain": [], "slated": []}
    # A machine that is busy makes all of them slower. The quickest say what the program itself needs.
    for number in range(3):
        for kind, further in (("plain", {}), ("slated", slate())):
            started, key = time.monotonic(), f"{kind}-{number}"
            running = Encoder(tmp_path / key, key, settings_of(ingest.rtmp_url, film, **further))
            while not any(file.stat().st_size > FIRST_BYTES for file in ingest.folder.glob(f"recorded/{key}-*.flv")):
                assert time.monotonic() < started + 60, running.said
                time.sleep(0.02)
            took[kind].append(time.monotonic() - started)
            running.stop()
    # A second on a quiet machine. ffmpeg takes five more to analyse a pipe, if it is let.
    assert min(took["slated"]) < 2 * min(took["plain"]) + 1


TRACKS = "codec_name,profile,level,width,height,pix_fmt,has_b_frames,avg_frame_rate,sample_rate,channels,extradata_hash"


@pytest.mark.parametrize("options", [[], ["-profile:v", "baseline", "-bf", "0", "-ar", "44100", "-ac", "1"]], ids=len)
@pytest.mark.parametrize("kind", ["color", "image", "film", "sound_with_picture"])
def test_source_and_slate_have_the_same_tracks_and_parameters(tmp_path: Path, kind: str, options: list[str]) -> None:
    if kind == "color":
        skip_without_transport_streams()
    film = make(BY_NAME["film"], tmp_path)
    settings = settings_of(
        "rtmp://ingest/live", {"type": "file", "path": str(film)}, {**PROFILE, "output_options": options}
    )
    settings["slate"] = {"type": "color", "color": "navy"} if kind == "color" else {"type": "file", "path": ""}
    look = None
    if kind != "color":
        file = sound_with_cover(tmp_path) if kind == "sound_with_picture" else make(BY_NAME[SLATES[kind]], tmp_path)
        settings["slate"]["path"] = str(file)
        look = look_at("ffprobe", settings["slate"])
        assert problem_of_files({**settings, "label": "Hall/Talk"}, {}) == ""
    make_slate, play = slate_commands_of(settings, look, tmp_path)
    if make_slate is not None:
        subprocess.run(make_slate, check=True, timeout=60)
    source = commands_of(settings, look_at("ffprobe", settings["source"]), tmp_path / "key").source
    assert source is not None
    assert tracks_of(play, tmp_path / "slate_seen.ts") == tracks_of(source, tmp_path / "source_seen.ts")


def tracks_of(command: list[str], file: Path) -> list[dict[str, Any]]:
    """Return what a player reads of the first seconds that a command writes to its pipe."""
    written = [*command[:-1], "-t", "2", "-y", str(file)]
    subprocess.run(written, check=True, timeout=60)
    asked = ["-show_data_hash", "sha256", "-show_entries", f"stream={TRACKS}", "-of", "json", str(file)]
    found = subprocess.run(["ffprobe", "-loglevel", "error", *asked], capture_output=True, check=True).stdout
    tracks: list[dict[str, Any]] = json.loads(found)["streams"]
    assert [track["codec_name"] for track in tracks] == ["h264", "aac"]
    assert tracks[0]["extradata_hash"]
    return tracks


def test_an_image_is_shown_while_the_source_is_away(ingest: Recorder, tmp_path: Path) -> None:
    image = make(BY_NAME["image"], tmp_path)
    address = f"rtsp://127.0.0.1:{free_port()}/main"
    settings = settings_of(ingest.rtmp_url, url(address), **slate(type="file", path=str(image)))
    with encoder(tmp_path / "run", "image", settings) as running:
        running.wait_for("on air", 60, showing="slate")
        time.sleep(4)
    (recording,) = ingest.recordings("image")
    assert recording.codecs == ("audio:aac", "video:h264")
    assert recording.size == (320, 240)
    assert recording.seconds("video") == pytest.approx(recording.seconds("audio"), abs=1.0)


def test_a_stream_with_a_slate_comes_back_after_the_ingest_was_restarted(tmp_path: Path) -> None:
    with recorder(tmp_path / "ingest") as one, camera(tmp_path / "camera", "aac") as source:
        settings = settings_of(one.rtmp_url, url(source.url), **slate())
        with encoder(tmp_path / "run", "back", settings) as running:
            for _time in range(3):
                running.wait_for("on air", 60, showing="source")
                one.stop()
                running.wait_until(lambda status: status["state"] != "on air")
                one.start()
            running.wait_for("on air", 60, showing="source")
            assert running.status["failures"] <= 3, running.said


def test_a_source_comes_and_goes_many_times_and_the_stream_stays(ingest: Recorder, tmp_path: Path) -> None:
    with camera(tmp_path / "camera", "aac") as one:
        settings = settings_of(ingest.rtmp_url, url(one.url), **slate(), source_seconds=1)
        with encoder(tmp_path / "run", "often", settings) as running:
            for _time in range(4):
                running.wait_for("on air", 60, showing="source")
                one.hang_up()
                running.wait_for("on air", 60, showing="slate")
            running.wait_for("on air", 60, showing="source")
    assert len(ingest.recordings("often")) == 1


def test_why_the_slate_is_shown_is_told_without_the_password(ingest: Recorder, tmp_path: Path) -> None:
    address = f"rtsp://admin:p4ssw0rd@127.0.0.1:{free_port()}/main"
    with encoder(tmp_path / "run", "why", settings_of(ingest.rtmp_url, url(address), **slate())) as running:
        running.wait_for("on air", 60, showing="slate")
        running.wait_until(lambda status: bool(status.get("source_problem")), 60)
        assert "refused" in running.status["source_problem"].lower()
    assert "p4ssw0rd" not in running.said + json.dumps(running.status)


def test_a_live_playlist_with_long_segments_is_shown_without_the_slate(ingest: Recorder, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    with live_playlist(tmp_path / "web") as playlist, web_server(playlist.parent) as address:
        settings = settings_of(ingest.rtmp_url, url(f"{address}/{playlist.name}"), **slate())
        with encoder(tmp_path / "run", "playlist", settings) as running:
            running.wait_for("on air", 60, showing="source")
            time.sleep(1)
            before = running.said.count("the slate is shown")
            time.sleep(24)
            assert running.status["showing"] == "source"
            assert running.said.count("the slate is shown") == before, running.said
    (recording,) = ingest.recordings("playlist")
    assert recording.longest_gap("video") < 3
    # Three segments, of 6 s each, are there at the start. They are not sent at once.
    assert recording.seconds("video") < 40


@pytest.mark.parametrize(
    ("name", "place", "is_recorded"),
    [("film.ts", "", True), ("film.ts", "live/", False), ("film.webm", "", True), ("film.webm", "live/", False)],
)
def test_a_recording_by_url_that_tells_no_length_is_told_from_a_live_stream(
    tmp_path: Path, name: str, place: str, *, is_recorded: bool
) -> None:
    # A browser writes one that tells no length, as -live does.
    codecs = ("-c", "copy") if name.endswith(".ts") else ("-c:v", "libvpx", "-c:a", "libopus", "-live", "1")
    make_with_ffmpeg("-i", str(film(tmp_path)), *codecs, str(tmp_path / name))
    with plain_server(tmp_path) as address:
        source = url(f"{address}/{place}{name}")
        look = look_at("ffprobe", source)
        assert look is not None
        assert not look.error
        assert look.recorded is is_recorded


def test_a_camera_is_live(tmp_path: Path) -> None:
    with camera(tmp_path / "camera", "aac") as one:
        look = look_at("ffprobe", url(one.url))
    assert look is not None
    assert (len(look.pictures), len(look.sounds), look.recorded) == (1, 1, False)


def test_a_film_with_a_hole_in_its_sound_goes_on_for_several_rounds(ingest: Recorder, tmp_path: Path) -> None:
    source = {"type": "file", "path": str(make(BY_NAME["hole"], tmp_path))}
    with encoder(tmp_path / "run", "hole", settings_of(ingest.rtmp_url, source)) as running:
        running.wait_for("on air")
        started = time.monotonic()
        # In the second second of a round of 12 s, when both tracks are there.
        time.sleep(25)
        seconds = time.monotonic() - started
        assert running.status["state"] == "on air"
    (recording,) = ingest.recordings("hole")
    assert recording.seconds("video") > seconds - 5
    assert recording.seconds("audio") == pytest.approx(recording.seconds("video"), abs=1.5)
    assert recording.longest_gap("audio") < 0.5
