# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole life of an event with real media: provision, encoders on air, no key shown, teardown."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.lab import ingest, media
from tests.lab.demo import ENCODERS, EVENT_FILE, Playing, table
from tests.lab.leaks import ProcessWatch, places_in_files, places_in_texts
from tests.lab.stage import BIN, PRESET_ID, ROOT, Stage, processes_of, rehearsal

pytestmark = pytest.mark.skipif(
    bool(ingest.missing() or media.missing()), reason=str(ingest.missing() or media.missing())
)


@dataclass
class Conference:
    """A rehearsed conference that is on air, with the output and processes that were recorded meanwhile."""

    stage: Stage
    watch: ProcessWatch
    outputs: dict[str, str]

    def play(self, playbook: str, *arguments: str) -> str:
        environment = self.stage.environment() | {
            "TMPDIR": str(self.stage.folder / "tmp"),
            "ANSIBLE_LOG_PATH": str(self.stage.folder / f"ansible-{len(self.outputs)}.log"),
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "integration" / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "recorder",
            "ANSIBLE_NOCOLOR": "1",
            "TENBYTE_TEST_RECORD": str(self.stage.folder / "record.jsonl"),
        }
        command = [str(BIN / "ansible-playbook"), playbook, "-i", str(self.stage.inventory), "-e", f"@{EVENT_FILE}"]
        command += ["-e", json.dumps({"demo_preset_id": PRESET_ID, "demo_media": str(self.stage.folder / "media")})]
        done = subprocess.run(
            [*command, *arguments], env=environment, cwd=self.stage.folder, capture_output=True, text=True, check=False
        )
        self.outputs[f"{len(self.outputs)} {playbook} {' '.join(arguments)}"] = done.stdout + done.stderr
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        return done.stdout

    def admin(self, path: str) -> Any:
        base = self.stage.api_url.partition("/v1/")[0]
        return requests.get(f"{base}/_simulator/{path}", timeout=10).json()

    def issued_keys(self) -> list[str]:
        answer = self.admin("issued_keys")
        keys: list[str] = answer if isinstance(answer, list) else next(iter(answer.values()))
        return keys


@pytest.fixture(scope="module")
def conference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conference]:
    folder = tmp_path_factory.mktemp("stage")
    # supervisord's socket is in the folder, and the path of a socket may have at most 107 bytes.
    with rehearsal(folder, ENCODERS) as stage:
        (folder / "media").mkdir()
        (folder / "tmp").mkdir()
        for loop in media.LOOPS:
            shutil.copy(media.make_loop(loop, ROOT / "build" / "media"), folder / "media" / f"{loop.name}.mp4")
        with ProcessWatch() as watch:
            running = Conference(stage, watch, {})
            running.play("tenbyte.webinar.rehearse", "-vvvv", "--diff")
            yield running


def changed(output: str) -> dict[str, int]:
    recap = output.partition("PLAY RECAP")[2]
    return {
        line.split()[0]: int(line.partition("changed=")[2].split()[0])
        for line in recap.splitlines()
        if "changed=" in line
    }


def test_every_session_plays_h264_and_aac(conference: Conference) -> None:
    sessions = conference.stage.sessions()
    assert len(sessions) == 5
    for session in sessions.values():
        found = media.probe(session["hls_url"])
        assert (found.video_codec, found.audio_codec) == ("h264", "aac")
        assert found.bitrate > 100_000


def test_the_service_receives_media_for_every_session(conference: Conference) -> None:
    headers = {"X-API-Key": conference.stage.api_key}
    for session in conference.stage.sessions().values():
        url = f"{conference.stage.api_url}/sessions/{session['id']}/stream_health"
        assert requests.get(url, headers=headers, timeout=10).json()["data"]["publishing"] is True


def test_a_second_run_changes_nothing(conference: Conference) -> None:
    assert changed(conference.play("tenbyte.webinar.rehearse")) == {"encoder1": 0, "encoder2": 0, "localhost": 0}


def test_check_mode_with_diff_on_a_running_conference_changes_nothing(conference: Conference) -> None:
    assert set(changed(conference.play("tenbyte.webinar.provision", "--check", "--diff", "-vvvv")).values()) == {0}


def test_keys_are_only_in_the_ledger_and_in_files_that_only_the_encoder_reads(conference: Conference) -> None:
    keys = conference.issued_keys()
    assert len(keys) == 5
    assert places_in_texts(keys, conference.outputs) == []
    assert conference.watch.processes_seen > 20
    assert conference.watch.places_of(keys) == []
    holding = places_in_files(keys, conference.stage.folder)
    # Only files of the encoder that nobody else may read. The ledger is encrypted, so it does not match.
    assert len(holding) == 5
    assert all(
        place.startswith(tuple(f"{encoder}/keys/" for encoder in ENCODERS)) and place.endswith(" 0600")
        for place in holding
    ), holding


def test_credential_and_ledger_key_are_not_shown(conference: Conference) -> None:
    ledger_key = (conference.stage.folder / "ledger" / "ledger.sqlite3.key").read_text().strip()
    hidden = [conference.stage.api_key, ledger_key]
    assert places_in_texts(hidden, conference.outputs) == []
    # The test itself puts the credential into the environment of ansible-playbook.
    assert conference.watch.places_of(hidden, kinds=["cmdline"]) == []
    assert conference.watch.places_of([ledger_key]) == []
    assert places_in_files(hidden, conference.stage.folder) == ["ledger/ledger.sqlite3.key 0600", "seed.yml 0600"]


def test_the_table_of_the_demo_names_every_session(conference: Conference) -> None:
    sessions = list(conference.stage.sessions().values())
    shown = table([Playing(session, media.probe(session["hls_url"]), Path("frame")) for session in sessions])
    assert all(session["title"] in shown and session["stream_key_fingerprint"] in shown for session in sessions)
    assert "1280x720" in shown
    assert "640x360" in shown


def test_teardown_leaves_no_stream_no_key_and_no_current_session(conference: Conference) -> None:
    sessions = conference.stage.sessions()
    conference.play("tenbyte.webinar.teardown")
    assert places_in_files(conference.issued_keys(), conference.stage.folder) == []
    for encoder in ENCODERS:
        assert not (conference.stage.folder / encoder).exists()
    # Only the service and the ingest are left.
    assert len(processes_of(conference.stage.folder)) == 2
    for session in sessions.values():
        answer = requests.get(f"{conference.stage.api_url}/sessions/{session['id']}", timeout=10)
        assert answer.status_code == 404 or answer.json()["data"]["status"] == "ended"
    assert changed(conference.play("tenbyte.webinar.teardown")) == {"encoder1": 0, "encoder2": 0, "localhost": 0}
