# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A look at an HLS stream: which segments are read, and what ffmpeg's detectors mean. tests/encoder has real media."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from tests.unit.role_programs import ROLES, load

look = load("private_encoder", "look")
BASE = "https://cdn.example/a/index.m3u8"
NOW = 1_800_000_000.0


def playlist(*seconds: float, sequence: int = 7) -> str:
    head = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:{sequence}\n"
    return head + "".join(f"#EXTINF:{one:.3f},\n{number}.ts?t=x\n" for number, one in enumerate(seconds, sequence))


def test_the_newest_segments_make_a_short_playlist_that_ends() -> None:
    text, seconds, newest = look.newest_segments(BASE, playlist(2, 2, 2, 2, 2))
    assert seconds == 6.0
    assert text.splitlines() == [
        *("#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:4", "#EXT-X-MEDIA-SEQUENCE:9"),
        *(f"{line}" for n in (9, 10, 11) for line in ("#EXTINF:2.000,", f"https://cdn.example/a/{n}.ts?t=x")),
        "#EXT-X-ENDLIST",
    ]
    assert newest != look.newest_segments(BASE, playlist(2, 2, 2, 2, 2, 2))[2]
    # A segment's name may come again.
    again = playlist(2, 2).replace("SEQUENCE:7", "SEQUENCE:9")
    assert look.newest_segments(BASE, again)[2] != look.newest_segments(BASE, playlist(2, 2))[2]


@pytest.mark.parametrize(
    ("seconds", "read"), [((1,), 1), ((10, 10), 1), ((4, 4, 4), 2), ((0.5,) * 30, 12), ((0,) * 3, 3)]
)
def test_as_many_segments_are_read_as_six_seconds_need(seconds: tuple[float, ...], read: int) -> None:
    text, length, _newest = look.newest_segments(BASE, playlist(*seconds))
    assert text.count("#EXTINF") == read
    assert length == sum(seconds[-read:])


def test_what_segments_need_goes_with_them() -> None:
    lines = [
        *("#EXTM3U", '#EXT-X-MAP:URI="init.mp4"', "#EXTINF:6,", "old.m4s", '#EXT-X-KEY:METHOD=AES-128,URI="/key"'),
        *("#EXT-X-PROGRAM-DATE-TIME:2027-01-01T00:00:00Z", "#EXT-X-DISCONTINUITY", "#EXT-X-BYTERANGE:9@1"),
        *("#EXTINF:7,a title", "//other.example/new.m4s"),
    ]
    text, _seconds, _newest = look.newest_segments(BASE, "\n".join(lines))
    assert text.splitlines()[4:] == [
        '#EXT-X-MAP:URI="https://cdn.example/a/init.mp4"',
        '#EXT-X-KEY:METHOD=AES-128,URI="https://cdn.example/key"',
        *("#EXT-X-DISCONTINUITY", "#EXT-X-BYTERANGE:9@1", "#EXTINF:7,a title"),
        "https://other.example/new.m4s",
        "#EXT-X-ENDLIST",
    ]


def said(picture: str = "", sound: str = "", *, streams: str = "va") -> str:
    kinds = {"v": "Stream #0:0: Video: h264, yuv420p", "a": "Stream #0:1[0x101](und): Audio: aac, 48000 Hz"}
    read = "\n".join(kinds[one] for one in streams)
    return f"{read}\nStream mapping:\n  Stream #0:0: Video: wrapped_avframe\n Audio: pcm\n{picture}\n{sound}\n"


BLACK = "[blackdetect @ 0x1] black_start:0 black_end:6 black_duration:{}"
FROZEN = "[freezedetect @ 0x2] lavfi.freezedetect.freeze_start: {}\n"
THAWED = "[freezedetect @ 0x2] lavfi.freezedetect.freeze_duration: {}\n[f] lavfi.freezedetect.freeze_end: {}\n"
SILENT = "[silencedetect @ 0x3] silence_start: {}\n"
HEARD = "[silencedetect @ 0x3] silence_end: {} | silence_duration: {}\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (said(), {}),
        (said(BLACK.format(6)), {"black": 6.0}),
        (said(BLACK.format(5.2) + "\n" + FROZEN.format(0)), {"black": 5.2}),
        (said(BLACK.format(4)), {}),
        (said(BLACK.format(3) + "\n" + BLACK.format(2.5)), {"black": 5.5}),
        (said(FROZEN.format(0.2)), {"frozen": 5.8}),
        (said(FROZEN.format(3)), {}),
        (said(FROZEN.format(0) + THAWED.format(5.5, 5.5)), {"frozen": 5.5}),
        (said(FROZEN.format(0) + THAWED.format(2, 2) + FROZEN.format(3)), {"frozen": 5.0}),
        (said("", SILENT.format(-0.02)), {"silent": 6.0}),
        (said("", SILENT.format(0) + HEARD.format(5.5, 5.5)), {"silent": 5.5}),
        (said("", SILENT.format(0) + HEARD.format(2, 2)), {}),
        (said(FROZEN.format(0), SILENT.format(0)), {"frozen": 6.0, "silent": 6.0}),
        # Without sound, viewers hear nothing; without a picture, there is none to be black.
        (said(streams="v"), {"silent": 6.0}),
        (said(streams="a"), {}),
        (said("", SILENT.format(0), streams="a"), {"silent": 6.0}),
    ],
)
def test_a_stream_is_black_frozen_or_silent_if_the_whole_look_is(text: str, found: dict[str, float]) -> None:
    assert look.faults(text, 6.0) == pytest.approx(found)


def seen(*faults: str, newest: str = "1", seconds: float = 6.0, problem: str = "") -> dict[str, Any]:
    known = {"faults": dict.fromkeys(faults, seconds), "seconds": seconds, "newest": newest, "target": 2.0}
    return {**known, "problem": problem}


def test_it_says_for_how_long_a_stream_has_been_black() -> None:
    _state, problem, kept = look.verdict(seen("black", "silent"), {}, NOW)
    assert problem == "its picture is black for at least 6 s and it is silent for at least 6 s"
    state, problem, kept = look.verdict(seen("black", newest="2"), json.loads(json.dumps(kept)), NOW + 12)
    assert (state, problem) == ("black", "its picture is black for at least 18 s")
    assert look.verdict(seen(newest="3"), kept, NOW + 24)[:2] == ("", "")
    kept = look.verdict(seen(newest="3"), kept, NOW + 24)[2]
    assert look.verdict(seen("black", newest="4"), kept, NOW + 36)[1] == "its picture is black for at least 6 s"


def test_a_playlist_that_does_not_go_on_does_not_play() -> None:
    kept: dict[str, Any] = {}
    told = []
    for second in (0, 12, 13, 25):
        state, problem, kept = look.verdict(seen(), json.loads(json.dumps(kept)), NOW + second)
        told.append((state, problem))
    assert told[:2] == [("", "")] * 2
    assert told[2] == ("does not play", "its playlist has had no new segment for 13 s")
    assert told[3][1].endswith(" 25 s")
    assert look.verdict(seen(newest="2"), kept, NOW + 26)[:2] == ("", "")
    # A look that could not be taken does not make the playlist new.
    kept = look.verdict(seen(problem="its playlist cannot be read"), kept, NOW + 30)[2]
    assert look.verdict(seen(), kept, NOW + 40)[0] == "does not play"


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
        found = look.media_playlists(f"{base}/a/m.m3u8")
    assert found == [(f"{base}/a/v/1.m3u8?t=x", playlist(1)), (f"{base}/a/sound/high.m3u8", playlist(2))]
    with served({"/m.m3u8": MASTER.replace(',AUDIO="high"', ""), "/v/1.m3u8?t=x": playlist(1)}) as base:
        assert look.media_playlists(f"{base}/m.m3u8") == [(f"{base}/v/1.m3u8?t=x", playlist(1))]


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
