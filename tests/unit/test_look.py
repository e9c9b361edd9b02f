# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A look at an HLS stream: which segments are read, and what ffmpeg's detectors mean. tests/encoder has real media."""

from __future__ import annotations

import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from tests.unit.role_programs import ROLES, load

look = load("private_encoder", "look")
BASE = "https://cdn.example/a/index.m3u8"
NOW = 1_800_000_000.0
UNTIL = time.monotonic() + 600


def playlist(*seconds: float, sequence: int = 7) -> str:
    head = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:{sequence}\n"
    return head + "".join(f"#EXTINF:{one:.3f},\n{number}.ts?t=x\n" for number, one in enumerate(seconds, sequence))


def test_the_newest_segments_make_a_short_playlist_that_ends() -> None:
    text, seconds, newest = look.newest_segments(BASE, playlist(3, 3, 3, 3, 3))
    assert seconds == 9.0
    assert text.splitlines() == [
        *("#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:4", "#EXT-X-MEDIA-SEQUENCE:9"),
        *(f"{line}" for n in (9, 10, 11) for line in ("#EXTINF:3.000,", f"https://cdn.example/a/{n}.ts?t=x")),
        "#EXT-X-ENDLIST",
    ]
    assert newest != look.newest_segments(BASE, playlist(3, 3, 3, 3, 3, 3))[2]
    # A segment's name may come again.
    again = playlist(2, 2).replace("SEQUENCE:7", "SEQUENCE:9")
    assert look.newest_segments(BASE, again)[2] != look.newest_segments(BASE, playlist(2, 2))[2]


@pytest.mark.parametrize(
    ("seconds", "read"), [((1,), 1), ((10, 10), 1), ((6, 6, 6), 2), ((0.5,) * 30, 18), ((0,) * 3, 3)]
)
def test_as_many_segments_are_read_as_nine_seconds_need(seconds: tuple[float, ...], read: int) -> None:
    text, length, _newest = look.newest_segments(BASE, playlist(*seconds))
    assert text.count("#EXTINF") == read
    assert length == sum(seconds[-read:])


def test_what_segments_need_goes_with_them() -> None:
    lines = [
        *("#EXTM3U", '#EXT-X-MAP:URI="init.mp4"', "#EXTINF:6,", "old.m4s", '#EXT-X-KEY:METHOD=AES-128,URI="/key"'),
        *("#EXT-X-PROGRAM-DATE-TIME:2027-01-01T00:00:00Z", "#EXT-X-DISCONTINUITY", "#EXT-X-BYTERANGE:9@1"),
        *("#EXTINF:10,a title", "//other.example/new.m4s"),
    ]
    text, _seconds, _newest = look.newest_segments(BASE, "\n".join(lines))
    assert text.splitlines()[4:] == [
        '#EXT-X-MAP:URI="https://cdn.example/a/init.mp4"',
        '#EXT-X-KEY:METHOD=AES-128,URI="https://cdn.example/key"',
        *("#EXT-X-DISCONTINUITY", "#EXT-X-BYTERANGE:9@1", "#EXTINF:10,a title"),
        "https://other.example/new.m4s",
        "#EXT-X-ENDLIST",
    ]


def said(picture: str = "", sound: str = "", *, streams: str = "va") -> str:
    kinds = {"v": "Stream #0:0: Video: h264, yuv420p", "a": "Stream #0:1[0x101](und): Audio: aac, 48000 Hz"}
    read = "\n".join(kinds[one] for one in streams)
    return f"{read}\nStream mapping:\n  Stream #0:0: Video: wrapped_avframe\n Audio: pcm\n{picture}\n{sound}\n"


BLACK = "[blackdetect @ 0x1] black_start:{} black_end:{} black_duration:0\n"
FROZEN = "[freezedetect @ 0x2] lavfi.freezedetect.freeze_start: {}\n"
THAWED = "[freezedetect @ 0x2] lavfi.freezedetect.freeze_duration: 0\n[f] lavfi.freezedetect.freeze_end: {}\n"
SILENT = "[silencedetect @ 0x3] silence_start: {}\n"
HEARD = "[silencedetect @ 0x3] silence_end: {} | silence_duration: 0\n"


@pytest.mark.parametrize(
    ("text", "seconds", "found"),
    [
        (said(), 9, {}),
        (said(BLACK.format(0, 9)), 9, {"black": 9.0}),
        (said(BLACK.format(0.5, 8.7) + FROZEN.format(0)), 9, {"black": 8.2}),
        (said(BLACK.format(2, 9)), 9, {}),
        (said(BLACK.format(0, 4) + BLACK.format(4.5, 9)), 9, {"black": 8.5}),
        (said(FROZEN.format(0.2)), 9, {"frozen": 8.8}),
        (said(FROZEN.format(3)), 9, {}),
        (said(FROZEN.format(0) + THAWED.format(8.5)), 9, {"frozen": 8.5}),
        (said(FROZEN.format(0) + THAWED.format(2) + FROZEN.format(2.5)), 9, {"frozen": 8.5}),
        (said("", SILENT.format(-0.02)), 9, {"silent": 9.0}),
        (said("", SILENT.format(0) + HEARD.format(8.5)), 9, {"silent": 8.5}),
        (said("", SILENT.format(0) + HEARD.format(2)), 9, {}),
        (said(FROZEN.format(0), SILENT.format(0)), 9, {"frozen": 9.0, "silent": 9.0}),
        # Of long segments the newest seconds count; what is over is no fault.
        (said(BLACK.format(3.5, 12)), 12, {"black": 8.5}),
        (said(BLACK.format(0, 9)), 12, {}),
        # A stream that has just begun.
        (said(BLACK.format(0, 3.2)), 4, {"black": 3.2}),
        # Without sound, viewers hear nothing; without a picture, there is none to be black.
        (said(streams="v"), 9, {"silent": 9.0}),
        (said(streams="a"), 9, {}),
        (said("", SILENT.format(0), streams="a"), 9, {"silent": 9.0}),
    ],
)
def test_a_stream_is_black_frozen_or_silent_if_its_newest_seconds_are(
    text: str, seconds: float, found: dict[str, float]
) -> None:
    assert look.faults(text, float(seconds)) == pytest.approx(found)


def seen(
    *faults: str, newest: str = "1", seconds: float = 9.0, target: float = 2.0, problem: str = ""
) -> dict[str, Any]:
    known = {"faults": dict.fromkeys(faults, seconds), "seconds": seconds, "newest": newest, "target": target}
    return {**known, "problem": problem}


def test_it_says_for_how_long_a_stream_has_been_black() -> None:
    wrong, kept = look.verdict(seen("black", "silent"), {}, NOW)
    assert wrong["problem"] == "its picture is black for at least 9 s and it is silent for at least 9 s"
    wrong, kept = look.verdict(seen("black", newest="2"), json.loads(json.dumps(kept)), NOW + 12)
    assert (wrong["state"], wrong["problem"]) == ("black", "its picture is black for at least 21 s")
    assert (wrong["lasting"], wrong["at_once"]) == (21.0, True)
    wrong, kept = look.verdict(seen(newest="3"), kept, NOW + 24)
    assert (wrong["state"], wrong["problem"], wrong["at_once"]) == ("", "", False)
    wrong, _kept = look.verdict(seen("black", newest="4"), kept, NOW + 36)
    assert wrong["problem"] == "its picture is black for at least 9 s"


@pytest.mark.parametrize("segment", [1.0, 2.0, 4.0, 6.0])
@pytest.mark.parametrize("fault", ["black", "ingest"])
def test_a_fault_is_told_within_thirty_seconds_whenever_it_begins(segment: float, fault: str) -> None:
    """A check comes 10 s after the one before, and up to 1 s later (the timer's accuracy).

    It takes 3 s; viewers get a segment 1.6 s after its end (measured: from an encoder to HLS, nginx-rtmp).
    """
    health = load("private_encoder", "health")
    latest = 0.0
    for quarter in range(4 * 60):
        began = 100.0 + quarter / 4
        record: dict[str, Any] = {}
        now, told = 0.0, None
        while told is None:
            # Segments end at multiples of their length. Viewers have those that are complete.
            last = (now - 1.6) // segment
            if fault == "ingest":
                last = min(last, began // segment)
            length = segment * -(-look.LOOK_SECONDS // segment)
            found = {"faults": {}, "seconds": length, "newest": str(last), "target": segment, "problem": ""}
            black = min(last * segment - began, length)
            if fault == "black" and min(black, look.LOOK_SECONDS) >= look.LOOK_SECONDS - look.TOLERANCE_SECONDS:
                found["faults"] = {"black": black}
            wrong, kept = look.verdict(found, record.get("kept", {}), NOW + now)
            one = {"label": "Hall/Talk", "state": "on air", "problem": "", "kept": kept}
            record = health.judge(one | (wrong if wrong["problem"] else {}), record, NOW + now, 3)
            told = None if record["healthy"] else now + 3.0
            now += 11.0
        assert told >= began
        latest = max(latest, told - began)
    assert latest <= 30.0


def test_a_playlist_that_does_not_go_on_does_not_play() -> None:
    kept: dict[str, Any] = {}
    told = []
    for second in (0, 10, 11, 25):
        wrong, kept = look.verdict(seen(), json.loads(json.dumps(kept)), NOW + second)
        told.append((wrong["state"], wrong["problem"], wrong["lasting"]))
    assert told[:2] == [("", "", 0.0)] * 2
    assert told[2] == ("does not play", "its playlist has had no new segment for 11 s", 11.0)
    assert told[3][1].endswith(" 25 s")
    assert look.verdict(seen(newest="2"), kept, NOW + 26)[0]["problem"] == ""
    # A look that could not be taken does not make the playlist new.
    kept = look.verdict(seen(problem="its playlist cannot be read"), kept, NOW + 30)[1]
    assert look.verdict(seen(), kept, NOW + 40)[0]["state"] == "does not play"
    # Long segments may come less often.
    wrong, kept = look.verdict(seen(target=10.0), {}, NOW)
    assert look.verdict(seen(target=10.0), kept, NOW + 15)[0]["problem"] == ""
    assert look.verdict(seen(target=10.0), kept, NOW + 16)[0]["problem"] != ""


def test_all_of_a_look_has_one_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        found = look.look(f"http://127.0.0.1:{silent.getsockname()[1]}/m.m3u8", "ffmpeg", 0.5)
    assert "timed out" in found["problem"]
    assert time.monotonic() - started < 5


@contextmanager
def served(answers: Mapping[str, str | int]) -> Iterator[str]:
    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path, 404)
            self.send_response(answer if isinstance(answer, int) else 200)
            content = b"" if isinstance(answer, int) else answer.encode()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


MASTER = """\
#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="low",NAME="English, low",URI="low.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="high",NAME="English",DEFAULT=YES,URI="sound/high.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1,mp4a",AUDIO="high"
v/1.m3u8?t=x
#EXT-X-STREAM-INF:BANDWIDTH=2
v/2.m3u8
"""


def test_the_first_variant_is_looked_at_and_its_sound_where_that_is_apart() -> None:
    answers = {"/a/m.m3u8": MASTER, "/a/v/1.m3u8?t=x": playlist(1), "/a/sound/high.m3u8": playlist(2)}
    with served(answers) as base:
        found = look.media_playlists(f"{base}/a/m.m3u8", UNTIL)
    assert found == [(f"{base}/a/v/1.m3u8?t=x", playlist(1)), (f"{base}/a/sound/high.m3u8", playlist(2))]
    with served({"/m.m3u8": MASTER.replace(',AUDIO="high"', ""), "/v/1.m3u8?t=x": playlist(1)}) as base:
        assert look.media_playlists(f"{base}/m.m3u8", UNTIL) == [(f"{base}/v/1.m3u8?t=x", playlist(1))]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (404, "its playlist cannot be read (Not Found)"),
        ("<html>", "leads to no playlist"),
        ("#EXTM3U\n", "has no segments"),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nmissing.m3u8\n", "its playlist cannot be read"),
        (playlist(1), "because there is no /nowhere/ffmpeg"),
    ],
)
def test_what_cannot_be_looked_at_is_a_problem(answer: str | int, words: str) -> None:
    with served({"/m.m3u8": answer}) as base:
        assert words in look.look(f"{base}/m.m3u8", "/nowhere/ffmpeg")["problem"]


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "/etc/passwd", "http://127.0.0.1:1/x", "http://[/x"])
def test_only_the_web_is_looked_at(url: str) -> None:
    found = look.look(url)
    assert found["problem"]
    assert found["seconds"] == 0.0


def test_as_a_program_it_reads_the_url_from_its_input_and_prints_the_problem() -> None:
    program = (ROLES / "private_encoder" / "files" / "look.py").read_text()
    with served({}) as base:
        asked = json.dumps({"url": f"{base}/m.m3u8"})
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"problem": "its playlist cannot be read (Not Found)"}
