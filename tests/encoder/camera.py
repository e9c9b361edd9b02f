# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An RTSP camera: RTP from ffmpeg, handed to whoever asks, over TCP or UDP. It can be silent, and it can hang up."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

PICTURE, TONE = "testsrc2=size=320x240:rate=25", "sine=frequency=440:sample_rate=48000"
H264 = (
    *("-c:v", "libx264", "-preset", "ultrafast"),
    *("-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "25", "-flags", "+global_header", "-payload_type", "96"),
)
SOUNDS = {
    "aac": ("-c:a", "aac", "-ar", "48000", "-ac", "2", "-flags", "+global_header", "-payload_type", "97"),
    # G.711, which most cameras have.
    "pcm_mulaw": ("-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"),
}


@dataclass
class Viewer:
    """Where a client wants the tracks: channels of its connection, or ports of its own."""

    connection: socket.socket
    address: str
    channels: dict[int, int] = field(default_factory=dict)
    ports: dict[int, int] = field(default_factory=dict)
    plays: bool = False
    sending: threading.Lock = field(default_factory=threading.Lock)


class Camera:
    def __init__(
        self,
        folder: Path,
        sound: str = "",
        *,
        shows: tuple[str, str] = (PICTURE, TONE),
        only_udp: bool = False,
        port: int = 0,
    ) -> None:
        self.only_udp = only_udp
        self.silent = threading.Event()
        # Its sound is announced, and not sent.
        self.mute = threading.Event()
        self._ended = threading.Event()
        self._viewers: list[Viewer] = []
        self._tracks = [_udp_socket() for _number in range(2 if sound else 1)]
        self._sender = _udp_socket()
        self._ffmpeg = self._start(folder, sound, shows)
        camera = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                camera._answer(self.request, self.client_address[0])

        self._server = _Server(("127.0.0.1", port), Handler)
        self.url = f"rtsp://127.0.0.1:{self._server.server_address[1]}/main"
        self._threads = [threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})]
        self._threads += [threading.Thread(target=self._pass_on, args=[number]) for number in range(len(self._tracks))]
        for thread in self._threads:
            thread.start()

    def hang_up(self) -> None:
        for viewer in list(self._viewers):
            with contextlib.suppress(OSError):
                viewer.connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        self._ended.set()
        self._ffmpeg.terminate()
        self._ffmpeg.wait(10)
        self.hang_up()
        self._server.shutdown()
        for thread in self._threads:
            thread.join(10)
        self._server.server_close()
        for one in (*self._tracks, self._sender):
            one.close()

    def _start(self, folder: Path, sound: str, shows: tuple[str, str]) -> subprocess.Popen[bytes]:
        folder.mkdir(parents=True, exist_ok=True)
        self._sdp = folder / "camera.sdp"
        ports = [track.getsockname()[1] for track in self._tracks]
        inputs = [("-re", "-f", "lavfi", "-i", graph) for graph in shows[: len(ports)]]
        arguments = [word for one in inputs for word in one]
        arguments += ["-map", "0:v", *H264, "-f", "rtp", f"rtp://127.0.0.1:{ports[0]}"]
        if sound:
            arguments += ["-map", "1:a", *SOUNDS[sound], "-f", "rtp", f"rtp://127.0.0.1:{ports[1]}"]
        command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", *arguments, "-sdp_file", str(self._sdp)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not (self._sdp.exists() and self._sdp.read_text().count("m=") == len(ports)):
            assert time.monotonic() < deadline, "the camera does not start"
            time.sleep(0.05)
        return process

    def _description(self) -> str:
        """The session's description as a server gives it: without ports, and with a name for each track."""
        head, *tracks = re.split(r"(?m)^(?=m=)", self._sdp.read_text().replace("\r\n", "\n"))
        named = [
            f"{re.sub(r' [0-9]+ RTP', ' 0 RTP', one)}a=control:track{number}\n" for number, one in enumerate(tracks)
        ]
        return "".join([head, *named]).replace("\n", "\r\n")

    def _answer(self, connection: socket.socket, address: str) -> None:
        viewer = Viewer(connection, address)
        self._viewers.append(viewer)
        try:
            with connection.makefile("rb") as requests, contextlib.suppress(OSError):
                while (request := _request(requests)) is not None:
                    self._handle(viewer, *request)
        finally:
            self._viewers.remove(viewer)

    def _handle(self, viewer: Viewer, method: str, url: str, headers: dict[str, str]) -> None:
        status, more, body = "200 OK", {"Session": "1"}, ""
        if method == "OPTIONS":
            more["Public"] = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
        elif method == "DESCRIBE":
            body = self._description()
            more |= {"Content-Type": "application/sdp", "Content-Base": f"{self.url}/"}
        elif method == "SETUP":
            track, transport = int(url[-1]), headers.get("transport", "")
            if ("TCP" in transport) == self.only_udp:
                status = "461 Unsupported Transport"
            elif channel := re.search(r"interleaved=(\d+)", transport):
                viewer.channels[track] = int(channel[1])
                more["Transport"] = transport
            elif port := re.search(r"client_port=(\d+)", transport):
                viewer.ports[track] = int(port[1])
                own = self._sender.getsockname()[1]
                more["Transport"] = f"{transport};server_port={own}-{own + 1}"
        elif method == "PLAY":
            viewer.plays = True
        lines = [f"RTSP/1.0 {status}", f"CSeq: {headers.get('cseq', '0')}"]
        lines += [f"{name}: {value}" for name, value in more.items()]
        lines += [f"Content-Length: {len(body.encode())}"] if body else []
        with viewer.sending:
            viewer.connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    def _pass_on(self, number: int) -> None:
        while not self._ended.is_set():
            try:
                data = self._tracks[number].recv(65536)
            except TimeoutError:
                continue
            for viewer in list(self._viewers):
                if viewer.plays and not self.silent.is_set() and not (number == 1 and self.mute.is_set()):
                    with contextlib.suppress(OSError):
                        self._send(viewer, number, data)

    def _send(self, viewer: Viewer, number: int, data: bytes) -> None:
        if number in viewer.channels:
            with viewer.sending:
                viewer.connection.sendall(b"$" + bytes([viewer.channels[number]]) + len(data).to_bytes(2, "big") + data)
        elif number in viewer.ports:
            self._sender.sendto(data, (viewer.address, viewer.ports[number]))


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def _udp_socket() -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    found.bind(("127.0.0.1", 0))
    found.settimeout(0.2)
    return found


def _request(requests: IO[bytes]) -> tuple[str, str, dict[str, str]] | None:
    """The next request of a connection, without the reports that a client sends in between."""
    read = requests.read
    first = read(1)
    while first == b"$":
        _channel, high, low = read(3)
        read(high * 256 + low)
        first = read(1)
    if not first:
        return None
    line = (first + requests.readline()).decode()
    headers: dict[str, str] = {}
    while header := requests.readline().decode().strip():
        name, _colon, value = header.partition(":")
        headers[name.lower()] = value.strip()
    read(int(headers.get("content-length", 0)))
    method, url, *_version = line.split()
    return method, url, headers


@contextmanager
def camera(folder: Path, sound: str = "", **further: Any) -> Iterator[Camera]:
    one = Camera(folder, sound, **further)
    try:
        yield one
    finally:
        one.stop()
