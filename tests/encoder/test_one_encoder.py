# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stream has at most one encoder, whatever was killed; an ingest that refuses is told from a source that fails."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.ffmpeg_files import program_settings
from encoder_processes import MARK, holders

from tests.integration.controller import BIN
from tests.lab.ingest import free_port

from .recorder import Recorder, recorder
from .running import PROGRAM, REAL_MEDIA, Encoder, encoder, settings_of, skip_without_transport_streams

pytestmark = REAL_MEDIA
PATTERN = {"type": "test_pattern", "size": "320x240"}


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with recorder(tmp_path_factory.mktemp("ingest")) as one:
        yield one


def wait(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("slate", ["none", "color"])
def test_ffmpeg_ends_with_the_program_even_if_that_is_killed(ingest: Recorder, tmp_path: Path, slate: str) -> None:
    if slate != "none":
        skip_without_transport_streams()
    settings = settings_of(ingest.rtmp_url, PATTERN, slate={"type": slate, "color": "navy"})
    first = Encoder(tmp_path, f"killed-{slate}", settings)
    try:
        first.wait_for("on air", showing="source")
        # Now and then there is a child more, which has been forked and is not ffmpeg yet.
        wait(lambda: len(holders(tmp_path / "lock")) == (2 if slate == "none" else 3))
    finally:
        first.process.kill()
        first.stop()
    wait(lambda: not holders(tmp_path / "lock"))
    with encoder(tmp_path, f"killed-{slate}", settings) as second:
        second.wait_until(lambda status: status.get("state") == "on air" and status["alive"] > time.time() - 3)
        assert second.status.get("refusals", 0) == 0


def test_the_program_ends_with_supervisord_even_if_that_is_killed(ingest: Recorder, tmp_path: Path) -> None:
    Encoder(tmp_path, "supervised", settings_of(ingest.rtmp_url, PATTERN)).stop()
    words = [sys.executable, "-B", PROGRAM, *(tmp_path / name for name in ("stream.json", "key")), tmp_path]
    configuration = tmp_path / "supervisord.conf"
    configuration.write_text(
        f"[supervisord]\nlogfile={tmp_path}/supervisord.log\npidfile={tmp_path}/supervisord.pid\nnodaemon=true\n"
        f"[program:stream]\ncommand={' '.join(map(str, words))}\n"
    )
    supervisord = subprocess.Popen(
        [str(BIN / "supervisord"), "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait(lambda: len(holders(tmp_path / "lock")) == 2)
    supervisord.kill()
    supervisord.wait()
    wait(lambda: not holders(tmp_path / "lock"))


def test_under_supervisord_a_stream_that_gives_up_at_once_stays_ended(tmp_path: Path) -> None:
    """supervisord starts a program again that ends within its startsecs, whatever its exit code is."""
    stream = {"name": "talk", "stream_key_fingerprint": "fp"}
    with recorder(tmp_path / "ingest", refuses=True) as refusing:
        settings = settings_of(refusing.rtmp_url, PATTERN, refusals=1)
        for folder in ("streams", "keys", "run/talk", "log"):
            (tmp_path / folder).mkdir(parents=True)
        (tmp_path / "streams" / "talk.json").write_text(json.dumps(settings))
        (tmp_path / "keys" / "talk.ffpreset").write_text("rtmp_playpath=wrong\n")
        for file in PROGRAM.parent.glob("encoder*.py"):
            shutil.copy(file, tmp_path)
        socket = tmp_path / "s.sock"
        configuration = tmp_path / "supervisord.conf"
        configuration.write_text(
            f"[supervisord]\nlogfile={tmp_path}/supervisord.log\npidfile={tmp_path}/supervisord.pid\nnodaemon=true\n"
            f"[unix_http_server]\nfile={socket}\n[supervisorctl]\nserverurl=unix://{socket}\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
            + program_settings(stream, str(tmp_path)).replace("@REVISION@", "1")
        )
        words = [str(BIN / "supervisord"), "-c", str(configuration)]
        supervisord = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait(lambda: "EXITED" in _status(configuration))
            time.sleep(3)
            assert "EXITED" in _status(configuration)
            log = (tmp_path / "log" / "talk.log").read_text()
            assert log.count("has refused the stream 1 times in a row") == 1
            assert json.loads((tmp_path / "run" / "talk" / "status.json").read_text())["state"] == "refused"
        finally:
            supervisord.terminate()
            supervisord.wait()


def _status(configuration: Path) -> str:
    command = [str(BIN / "supervisorctl"), "-c", str(configuration), "status"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_what_an_earlier_run_has_left_is_ended_and_nothing_else(ingest: Recorder, tmp_path: Path) -> None:
    # As on a system where a process does not end with its parent.
    lock = tmp_path / "lock"
    with lock.open("w") as file, ExitStack() as stack:
        fcntl.flock(file, fcntl.LOCK_EX)
        # A number that is another process's by now, which has the file open.
        reader = stack.enter_context(sleeping(stdin=stack.enter_context(lock.open())))
        file.write(f"{reader.pid}\n")
        file.flush()
        left = stack.enter_context(sleeping(pass_fds=[file.fileno()], env={**os.environ, MARK: str(lock)}))
        other = stack.enter_context(sleeping(stdin=stack.enter_context(lock.open()), env={MARK: "/run/other/lock"}))
        file.close()
        with encoder(tmp_path, "left", settings_of(ingest.rtmp_url, PATTERN)) as running:
            running.wait_for("on air")
            assert left.wait(5) == -signal.SIGKILL
            assert str(left.pid) in running.said
        assert (reader.poll(), other.poll()) == (None, None)


def test_a_lock_that_is_no_encoders_is_told_and_left_alone(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with sleeping(pass_fds=[file.fileno()]) as other:
            running = Encoder(tmp_path, "locked", settings_of("rtmp://127.0.0.1:1/live", PATTERN))
            assert running.process.wait(30) == 1
            running.stop()
            holders = ", ".join(map(str, sorted([os.getpid(), other.pid])))
            assert f"is locked by a process that is no encoder ({holders})" in running.said
            assert other.poll() is None


@contextlib.contextmanager
def sleeping(**options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"], **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_second_program_for_a_stream_leaves_the_first_alone(ingest: Recorder, tmp_path: Path) -> None:
    settings = settings_of(ingest.rtmp_url, PATTERN)
    with encoder(tmp_path, "twice", settings) as first:
        first.wait_for("on air")
        second = Encoder(tmp_path, "twice", settings)
        assert second.process.wait(30) == 1
        second.stop()
        assert "another program sends this stream already" in second.said
        assert first.process.poll() is None
        assert first.status["alive"] > time.time() - 6
    assert len(ingest.recordings("twice")) == 1


def test_an_ingest_that_refuses_is_left_alone_after_some_tries(tmp_path: Path) -> None:
    with recorder(tmp_path / "ingest", refuses=True) as refusing:
        running = Encoder(tmp_path / "run", "wrong", settings_of(refusing.rtmp_url, PATTERN, refusals=2))
        assert running.process.wait(60) == 77
        running.stop()
    assert running.status["state"] == "refused"
    assert running.status["refusals"] == 2
    assert running.status["last_words"]


@pytest.mark.parametrize(
    "source",
    [
        {"type": "url", "url": "{ingest}/camera"},
        {"type": "url", "url": "{ingest}"},
        {"type": "url", "url": "http://127.0.0.1:{closed}/film.mp4"},
        {"type": "url", "url": "rtsp://127.0.0.1:{closed}/main"},
        {"type": "url", "url": "http://127.0.0.1:{closed}/film.mp4", "audio_track": "2"},
    ],
    ids=lambda source: f"{source['url']}{source.get('audio_track', '')}",
)
def test_a_source_that_fails_is_no_refusal(ingest: Recorder, tmp_path: Path, source: dict[str, str]) -> None:
    places = {"ingest": ingest.rtmp_url, "closed": free_port()}
    patience = "-timeout" if source["url"].startswith("rtsp") else "-rw_timeout"
    given = {**source, "url": source["url"].format(**places), "input_options": [patience, "1000000"]}
    with encoder(tmp_path, "source", settings_of(ingest.rtmp_url, given, refusals=1)) as running:
        running.wait_until(lambda status: status.get("failures", 0) >= 2, 60)
        assert running.status["state"] in ("waiting", "connecting")
        assert running.status["last_words"]


def test_an_ingest_that_is_not_there_is_no_refusal(tmp_path: Path) -> None:
    settings = settings_of(f"rtmp://127.0.0.1:{free_port()}/live", PATTERN, refusals=1)
    with encoder(tmp_path, "down", settings) as running:
        running.wait_until(lambda status: status.get("failures", 0) >= 2)
        assert "refused" in running.status["last_words"].lower()
        assert running.status["state"] != "on air"


def test_a_stream_off_air_says_so_and_since_when(tmp_path: Path) -> None:
    with (
        recorder(tmp_path / "ingest") as one,
        encoder(tmp_path / "run", "gone", settings_of(one.rtmp_url, PATTERN)) as running,
    ):
        running.wait_for("on air")
        flowing = running.status["flowing"]
        assert abs(flowing - time.time()) < 6
        one.stop()
        running.wait_until(lambda status: status["state"] != "on air")
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.process.pid, 0)
        time.sleep(4)
        assert running.status["alive"] > time.time() - 5
        assert running.status["flowing"] < time.time() - 2
