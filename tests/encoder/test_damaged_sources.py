# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stream that is copied stays on air though packets of its source are lost on their way. Real ffmpeg and ingest."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from encoder_packets import TS_PACKET

from tests.lab.ingest import free_port

from .makers import AAC, H264, PICTURE, SOUND
from .recorder import Recorder, recorder
from .running import COPY, REAL_MEDIA, encoder, settings_of, skip_without_transport_streams

pytestmark = REAL_MEDIA
SECONDS = 60
# MPEG-TS in a datagram, as encoders send it.
DATAGRAM = 7 * TS_PACKET
# Of so many datagrams, the network loses one.
LOST = 29


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with recorder(tmp_path_factory.mktemp("ingest")) as one:
        yield one


@pytest.fixture(scope="module")
def stream() -> bytes:
    skip_without_transport_streams()
    pieces = [*PICTURE, *SOUND, "-t", str(SECONDS), *H264, *AAC, "-f", "mpegts", "pipe:1"]
    return subprocess.run(["ffmpeg", "-loglevel", "error", *pieces], check=True, capture_output=True).stdout


@contextmanager
def lossy_camera(stream: bytes, port: int) -> Iterator[None]:
    """Send a stream over UDP at the speed at which it plays, and lose some of it."""
    ended = threading.Event()
    datagrams = [stream[at : at + DATAGRAM] for at in range(0, len(stream), DATAGRAM)]

    def send() -> None:
        begun = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            for number, datagram in enumerate(datagrams):
                if ended.wait(max(0.0, begun + SECONDS * number / len(datagrams) - time.monotonic())):
                    return
                if number % LOST:
                    one.sendto(datagram, ("127.0.0.1", port))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(
    ("name", "further"),
    [
        ("looked-at", {}),
        ("slate", {"slate": {"type": "file", "path": "slate.ts"}}),
        ("unseen", {"mode": "?mode=listener"}),
    ],
)
def test_a_lost_packet_does_not_take_a_copied_stream_off_air(
    ingest: Recorder, tmp_path: Path, stream: bytes, name: str, further: dict[str, Any]
) -> None:
    port = free_port()
    address = f"udp://127.0.0.1:{port}{further.pop('mode', '')}"
    if "slate" in further:
        further["slate"]["path"] = str(tmp_path / "slate.ts")
        (tmp_path / "slate.ts").write_bytes(stream[: len(stream) // TS_PACKET // 4 * TS_PACKET])
    settings = settings_of(ingest.rtmp_url, {"type": "url", "url": address}, COPY, **further)
    with lossy_camera(stream, port), encoder(tmp_path / "run", name, settings) as running:
        running.wait_for("on air", 30, showing="source")
        running.wait_until(lambda _status: "Error parsing ADTS" in running.said, 20)
        time.sleep(5)
        assert running.status["state"] == "on air"
    assert len(ingest.recordings(name)) == 1, running.said
