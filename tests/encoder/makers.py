# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes small media files with ffmpeg, and serves them as web servers do."""

from __future__ import annotations

import contextlib
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.ingest import TEMPORARY, Nginx, free_port

SIZE = "320x240"
PICTURE = ("-f", "lavfi", "-i", f"testsrc2=size={SIZE}:rate=30")
SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000")
H264 = (
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-pix_fmt",
    "yuv420p",
    "-g",
    "60",
    "-keyint_min",
    "60",
    "-sc_threshold",
    "0",
)
AAC = ("-c:a", "aac", "-b:a", "96k", "-ac", "2")
SIX = ("-t", "6")


def ffmpeg(*arguments: str) -> None:
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def sound_with_cover(folder: Path) -> Path:
    """Make an mp3 file with a picture of its cover."""
    sound, picture, file = folder / "sound.mp3", folder / "cover.png", folder / "with_cover.mp3"
    ffmpeg(*SOUND, *SIX, "-c:a", "libmp3lame", str(sound))
    ffmpeg(*PICTURE, "-frames:v", "1", str(picture))
    tags = ("-map", "0:a", "-map", "1:v", "-c", "copy", "-id3v2_version", "3", "-disposition:v", "attached_pic")
    ffmpeg("-i", str(sound), "-i", str(picture), *tags, str(file))
    return file


def film(folder: Path) -> Path:
    file = folder / "film.mp4"
    ffmpeg(*PICTURE, *SOUND, *SIX, *H264, *AAC, str(file))
    return file


def late_picture(folder: Path) -> Path:
    """Make a film that has sound alone for its first 4 s."""
    whole, file = str(film(folder)), folder / "late_picture.mkv"
    ffmpeg("-itsoffset", "4", "-i", whole, "-i", whole, "-map", "0:v", "-map", "1:a", "-c", "copy", str(file))
    return file


def hole(folder: Path) -> Path:
    """Make a film of 12 s that has no sound from 2 s to 8 s."""
    whole, file = folder / "whole.mkv", folder / "hole.mkv"
    ffmpeg(*PICTURE, *SOUND, "-t", "12", *H264, *AAC, str(whole))
    ffmpeg("-i", str(whole), "-c", "copy", "-bsf:a", r"noise=drop=between(pts*tb\,2\,8)", str(file))
    return file


def empty_sound(folder: Path) -> Path:
    return _without_packets(folder, "a")


def empty_picture(folder: Path) -> Path:
    return _without_packets(folder, "v")


def _without_packets(folder: Path, kind: str) -> Path:
    """Make a film that announces a track and has nothing in it."""
    whole, file = str(film(folder)), folder / f"empty_{kind}.ts"
    ffmpeg("-i", whole, "-c", "copy", f"-bsf:{kind}", "noise=drop=1", str(file))
    return file


class _Quiet(http.server.BaseHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def _serving(handler: type[_Quiet]) -> Iterator[str]:
    """Serve on loopback while the block runs. Yield the address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Web(_Quiet):
    """Answers without ranges: a file with its length, or one under live/ in pieces for as long as it is read."""

    folder = Path()
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        content = (self.folder / Path(self.path).name).read_bytes()
        is_live = self.path.startswith("/live/")
        self.send_response(200)
        self.send_header(*(("Transfer-Encoding", "chunked") if is_live else ("Content-Length", str(len(content)))))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content) if is_live else content)


@contextmanager
def plain_server(folder: Path) -> Iterator[str]:
    """Serve a folder as a small program does, without ranges; below live/ without lengths, too. Yield its address."""
    with _serving(type("Web", (_Web,), {"folder": folder})) as address:
        yield address


@contextmanager
def live_playlist(folder: Path) -> Iterator[Path]:
    """Make a live playlist of HLS: three segments of 6 s. One leaves and one comes each 6 s. Yield its file."""
    made, file, ended = folder / "made.m3u8", folder / "live.m3u8", threading.Event()
    hls = ("-f", "hls", "-hls_time", "6", "-hls_list_size", "0", "-hls_segment_filename", f"{folder}/part%d.ts")
    ffmpeg(*PICTURE, *SOUND, "-t", "120", *H264, *AAC, *hls, str(made))

    def write(first: int) -> None:
        head = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:{first}\n"
        parts = "".join(f"#EXTINF:6.0,\npart{number}.ts\n" for number in range(first, first + 3))
        (folder / "next.m3u8").write_text(head + parts)
        (folder / "next.m3u8").replace(file)

    def go_on() -> None:
        for first in range(1, 17):
            if ended.wait(6):
                return
            write(first)

    write(0)
    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield file
    finally:
        ended.set()
        thread.join()


def turned(folder: Path) -> Path:
    """Make a film that a player turns by 90 degrees."""
    whole, file = str(film(folder)), folder / "turned.mp4"
    # ffmpeg 6 has an option for it, and earlier ones write it for this tag.
    for before, after in ((("-display_rotation:v:0", "90"), ()), ((), ("-metadata:s:v:0", "rotate=90"))):
        with contextlib.suppress(AssertionError):
            ffmpeg(*before, "-i", whole, "-c", "copy", *after, str(file))
            break
    return file


class _Camera(_Quiet):
    """Sends 10 pictures a second to each client, for as long as it listens."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=ffmpeg")
        self.end_headers()
        command = ["ffmpeg", "-nostdin", "-loglevel", "quiet", "-re", *PICTURE, "-r", "10", "-f", "mpjpeg", "pipe:1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as sender, contextlib.suppress(OSError):
            assert sender.stdout is not None
            try:
                shutil.copyfileobj(sender.stdout, self.wfile)
            finally:
                sender.kill()


@contextmanager
def mjpeg_camera() -> Iterator[str]:
    """Serve a camera as many do on a local network: pictures one after the other over HTTP. Yield its URL."""
    with _serving(_Camera) as address:
        yield f"{address}/video.mjpg"


def two_languages(folder: Path) -> Path:
    """Make a film with two sounds: German with 300 Hz, and English, the default, with 3000 Hz."""
    file = folder / "two_languages.mkv"
    tones = [f"sine=frequency={tone}:sample_rate=48000" for tone in (300, 3000)]
    sounds = [word for tone in tones for word in ("-f", "lavfi", "-i", tone)]
    marks = ("-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=eng", "-disposition:a:0", "0")
    chosen = ("-map", "0:v", "-map", "1:a", "-map", "2:a", "-disposition:a:1", "default")
    ffmpeg(*PICTURE, *sounds, *chosen, *SIX, *H264, *AAC, *marks, str(file))
    return file


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, with ranges, as web servers do. Yield its address."""
    port, nginx = free_port(), Nginx(folder / "nginx")
    (nginx.folder / "temp").mkdir(parents=True)
    server = f"server {{ listen 127.0.0.1:{port}; root {folder}; }}"
    nginx.start(f"http {{\n{TEMPORARY.format(folder=nginx.folder)}{server}\n}}", [port])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        nginx.stop(20)
