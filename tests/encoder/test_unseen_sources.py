# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sources with one connection, SRT and TCP, which cannot be looked at before they are sent. Real ffmpeg and ingest."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.ingest import free_port

from .makers import AAC, H264, PICTURE, SOUND
from .recorder import Recorder, recorder
from .running import PROFILE, REAL_MEDIA, encoder, settings_of, skip_without_transport_streams, slate

pytestmark = REAL_MEDIA
BOTH = (*PICTURE, *SOUND, *H264, *AAC)
# What a mixer sends whose picture is in a codec that nobody knows, or that sends none.
NO_PICTURE = (*SOUND, *AAC)


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with recorder(tmp_path_factory.mktemp("ingest")) as one:
        yield one


@contextmanager
def sender(protocol: str, media: tuple[str, ...]) -> Iterator[str]:
    """A mixer that sends to one connection at a time, and listens again when that has ended. Yield its URL."""
    port = free_port()
    listening = f"srt://127.0.0.1:{port}?mode=listener" if protocol == "srt" else f"tcp://127.0.0.1:{port}?listen"
    words = ["ffmpeg", "-nostdin", "-loglevel", "quiet", "-re", *media, "-f", "mpegts", listening]
    # The shell starts the next one. It may be about to, so both end as a group.
    process = subprocess.Popen(["sh", "-c", 'while :; do "$@"; sleep 0.2; done', "sh", *words], start_new_session=True)
    try:
        yield f"{protocol}://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@pytest.mark.parametrize("protocol", ["tcp", "srt"])
def test_a_source_with_one_connection_is_sent_over_the_first_one(
    ingest: Recorder, tmp_path: Path, protocol: str
) -> None:
    skip_without_transport_streams()
    with sender(protocol, BOTH) as address:
        settings = settings_of(ingest.rtmp_url, {"type": "url", "url": address})
        with encoder(tmp_path, protocol, settings) as running:
            running.wait_for("on air", 60)
            assert running.status.get("failures", 0) <= 1
            assert ingest.recordings(protocol)[-1].codecs == ("audio:aac", "video:h264")


@pytest.mark.parametrize("protocol", ["tcp", "srt"])
@pytest.mark.parametrize("has_slate", [False, True], ids=["no slate", "slate"])
def test_a_source_without_a_picture_is_named_though_nobody_looked(
    ingest: Recorder, tmp_path: Path, protocol: str, *, has_slate: bool
) -> None:
    skip_without_transport_streams()
    further = slate() if has_slate else {}
    with sender(protocol, NO_PICTURE) as address:
        settings = settings_of(ingest.rtmp_url, {"type": "url", "url": address}, PROFILE, **further)
        with encoder(tmp_path, f"{protocol}-{has_slate}", settings) as running:
            if has_slate:
                running.wait_until(lambda status: bool(status.get("source_problem")), 60)
                said = running.status["source_problem"]
            else:
                running.wait_for("unsendable", 60)
                said = running.status["last_words"]
            assert f"its source {address} has no picture that ffmpeg can read" in said
            assert running.status.get("refusals", 0) == 0
