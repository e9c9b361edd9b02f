# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every kind of source with every profile: it is sent as a steady stream, or refused with a sentence.

Real ffmpeg, real ingest, real media. `make encoders` runs the whole table of docs/encoders.md
(TENBYTE_TEST_SOURCES=all); else a part of it runs. TENBYTE_TEST_FFMPEG is another ffmpeg to test with.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .recorder import Recorder, Recording, recorder
from .running import PROGRAM, REAL_MEDIA, encoder, reads_transport_streams, settings_of, skip_without_transport_streams
from .sources import CASES, PROFILES, Case

pytestmark = REAL_MEDIA
# Seconds that a stream is watched, and how much less media may come: the state is read with a delay. A busy machine
# encodes too slowly, and ffmpeg reads sound that goes on alone to its end first, as fast as it can; what fell behind is
# watched for longer. What ends a connection or holds a stream up again and again costs much more.
WATCHED, BEHIND = 10.0, 5.0
WATCHED_ALONE, BEHIND_ALONE = 30.0, 12.0
CHOSEN = [case for case in CASES if os.environ.get("TENBYTE_TEST_SOURCES") == "all" or case.is_in_short_form]
SENT = [case for case in CHOSEN if not case.refusal]
REFUSED = [case for case in CHOSEN if case.refusal]
# Bytes, as docs/encoders.md names it.
LARGEST_PACKET = 1_000_000
# Seconds. ffmpeg 7 starts a copy when a late picture comes, and then sends the sound before it at once.
SENT_AT_ONCE = {"late_picture-copy": 4.0}


@dataclass(frozen=True)
class Seen:
    """What came of a source: a refusal before anything started, or what the ingest recorded in ``seconds``."""

    refusal: str
    status: dict[str, Any]
    said: str
    seconds: float
    recordings: list[Recording]
    behind: float = BEHIND

    @property
    def recording(self) -> Recording:
        assert len(self.recordings) == 1, (len(self.recordings), self.said)
        return self.recordings[0]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Case, Seen]]:
    folder = tmp_path_factory.mktemp("sources")
    with recorder(folder / "ingest") as ingest, ThreadPoolExecutor(5) as pool:
        found = dict(zip(CHOSEN, pool.map(lambda case: _tried(case, folder / case.name, ingest), CHOSEN), strict=True))
        # Five at a time can be more than a busy machine encodes. What a source does to a stream, it does alone, too.
        for case in [case for case in CHOSEN if fell_behind(case, found[case])]:
            found[case] = _tried(case, folder / f"{case.name}-alone", ingest, WATCHED_ALONE, BEHIND_ALONE)
        yield found


def fell_behind(case: Case, found: Seen) -> bool:
    """Less media came than time has passed, by more than is allowed."""
    kinds = [track.partition(":")[0] for track in case.tracks]
    return any(
        recorded.seconds(kind) <= found.seconds - found.behind for recorded in found.recordings for kind in kinds
    )


def _tried(case: Case, folder: Path, ingest: Recorder, watched: float = WATCHED, behind: float = BEHIND) -> Seen:
    """Send the source under the folder's name."""
    folder.mkdir()
    with case.kind.source(folder) as source:
        settings = settings_of(ingest.rtmp_url, source, PROFILES[case.profile])
        refusal = refusal_of(settings)
        if refusal:
            return Seen(refusal, {}, "", 0.0, [])
        if case.kind.suffix == ".ts" and not reads_transport_streams():
            return Seen("", {}, "skipped", 0.0, [])
        with encoder(folder / "run", folder.name, settings) as running:
            started = time.monotonic()
            while running.status.get("state") not in ("on air", "unsendable") and time.monotonic() < started + 30:
                time.sleep(0.1)
            if running.status.get("state") == "on air":
                started = time.monotonic()
                time.sleep(watched)
            status, said = running.status, running.said
        seconds = time.monotonic() - started
    return Seen("", status, said, seconds, ingest.recordings(folder.name), behind)


def refusal_of(settings: dict[str, Any]) -> str:
    """What the role says before anything starts."""
    looked = subprocess.run(
        [sys.executable, "-B", str(PROGRAM.with_name("encoder_media.py"))],
        input=json.dumps([{"label": "Hall/Talk", **settings}]),
        capture_output=True,
        text=True,
        check=True,
    )
    return " ".join(json.loads(looked.stdout)["problems"])


@pytest.mark.parametrize("case", SENT, ids=str)
def test_a_stream_stays_connected_and_has_the_same_tracks_all_the_time(case: Case, seen: dict[Case, Seen]) -> None:
    found = seen[case]
    if case.kind.suffix == ".ts":
        skip_without_transport_streams()
    assert not found.refusal
    assert found.status["state"] == "on air", found.said
    assert found.recording.codecs == case.tracks
    # As much media as time has passed: a gap does not hold a recording up, and it is not sent faster than it plays.
    assert not fell_behind(case, found), (found.recording.packets[-1], found.seconds, found.said)
    for track in case.tracks:
        # What a live source has in its buffers comes first.
        most = found.seconds + 3 + SENT_AT_ONCE.get(str(case), 0.0)
        assert found.recording.seconds(track.partition(":")[0]) < most, (track, found.said)
    assert found.recording.largest < LARGEST_PACKET


@pytest.mark.parametrize("case", [case for case in SENT if case.is_encoded], ids=str)
def test_an_encoded_picture_is_steady(case: Case, seen: dict[Case, Seen]) -> None:
    if case.kind.suffix == ".ts":
        skip_without_transport_streams()
    recording = seen[case].recording
    assert recording.longest_gap("video") < 0.1
    assert recording.longest_wait_for_a_key_frame() < 2.1
    assert recording.size == (320, 240)
    assert recording.longest_gap("audio") < 0.5


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_cannot_be_sent_is_refused_with_a_sentence(case: Case, seen: dict[Case, Seen]) -> None:
    found = seen[case]
    said = found.refusal or str(found.status.get("last_words", ""))
    assert case.refusal in said
    assert said.startswith("Hall/Talk: its source ") or found.status["state"] == "unsendable"
    assert not found.recordings
