# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings that the role rtmp_relay writes, with real nginx and real media; its units are the scenario relay's."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.relay_files import without_pushes

from tests.lab import ingest, media

for reason in (ingest.missing(), media.missing()):
    if reason:
        pytest.skip(reason, allow_module_level=True)

from tests.encoder.lab import HOSTS, EncoderLab, encoder_lab, processes_that_show  # noqa: E402
from tests.integration.controller import Run  # noqa: E402
from tests.integration.roles.booted import BootedHost  # noqa: E402

pytestmark = pytest.mark.e2e

PRESET = "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c0001"
RELAY, ELSEWHERE = HOSTS
KEYNOTE, BACKUP, TALK = "Main hall/Keynote", "Main hall/Keynote (backup)", "Зал/Доклад 1; $(id) x \"'"
PRIMARY, SECOND = "main-hall-keynote.primary", "main-hall-keynote.backup1"
ROLE = "tenbyte.webinar.rtmp_relay"


def session(label: str) -> dict[str, str]:
    return {"title": label.partition("/")[2], "preset_id": PRESET, "mode": "rtmp", "encoder": RELAY}


@dataclass
class Relay:
    """The role's settings on this machine, and its processes, started as the role's units start them."""

    lab: EncoderLab
    host: BootedHost
    folder: Path
    clip: Path
    port: int
    push_port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.folder / "etc"

    @property
    def variables(self) -> dict[str, Any]:
        return {
            "rtmp_relay_root": str(self.root),
            "rtmp_relay_port": self.port,
            "rtmp_relay_push_port": self.push_port,
            "rtmp_relay_backups": {KEYNOTE: [BACKUP]},
            "rtmp_relay_install": False,
            "rtmp_relay_nginx": ingest.nginx_binary(),
            "rtmp_relay_start_timeout": 0,
            "__rtmp_relay_runtime_folder": str(self.folder / "run"),
            "__rtmp_relay_systemd_folder": str(self.host.units),
            "__rtmp_relay_booted_folder": str(self.host.folder),
        }

    def write(self, *arguments: str, **variables: Any) -> Run:
        """Provision the event and run the role, whose units do not start here."""
        event = {"role": "tenbyte.webinar.event", "vars": {"event_rooms": self.lab.event_rooms}}
        role = {"role": ROLE, "vars": self.variables | variables}
        plays = [
            {"hosts": "localhost", "gather_facts": False, "roles": [event]},
            {"hosts": RELAY, "gather_facts": False, "roles": [role]},
        ]
        return self.lab.controller.plays(plays, "-i", str(self.lab.inventory()), *arguments)

    def command(self, name: str) -> tuple[list[str], Path]:
        """The command of a unit and its folder; a push gets copies of its settings, as systemd hands them over."""
        folder = self.folder / "run" if name == "relay" else self.folder / "run-push" / name
        folder.mkdir(parents=True, exist_ok=True)
        settings = self.root / "relay.conf"
        if name != "relay":
            settings = folder / "credentials" / "nginx.conf"
            settings.parent.mkdir(exist_ok=True, mode=0o700)
            shutil.copy(self.root / "pushes" / f"{name}.conf", settings)
            shutil.copy(self.root / "keys" / f"{name}.conf", settings.parent / "destination.conf")
        # As root, nginx would change to a user who may not enter the folder.
        user = ["-g", "user root;"] if Path("/proc/self").stat().st_uid == 0 else []
        return [ingest.nginx_binary(), "-e", "stderr", "-p", f"{folder}/", "-c", str(settings), *user], folder

    def start(self, name: str) -> None:
        command, folder = self.command(name)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self, name: str) -> None:
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def publish(self, name: str) -> subprocess.Popen[bytes]:
        url = f"rtmp://127.0.0.1:{self.port}/live/{name}"
        command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-re", "-stream_loop", "-1"]
        command += ["-i", str(self.clip), "-c", "copy", "-f", "flv", url]
        log = (self.folder / f"ffmpeg-{name}.log").open("wb")
        with log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def states(self) -> dict[str, str]:
        """What the role's health check reports of each push."""
        command = [sys.executable, "-I", str(self.root / "health.py"), "--settings", str(self.root / "pushes")]
        said = subprocess.run([*command, "--report"], capture_output=True, text=True, check=True).stdout
        return {push: found["state"] for push, found in json.loads(said).items()}

    def check(self) -> tuple[dict[str, dict[str, Any]], str]:
        """Make the health check, as the unit does. Return its record of each push, and what it says."""
        command = [sys.executable, "-I", str(self.root / "health.py")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        result = json.loads((self.folder / "run-health" / "health.json").read_text())
        assert done.returncode == (0 if result["healthy"] else 1), done.stdout
        streams: dict[str, dict[str, Any]] = result["streams"]
        return streams, done.stdout

    def wait_until_well(self, push: str, *, well: bool, timeout: float = 30.0) -> str:
        """Make checks, one after the other, until a push is well, or fails. Return what the last one says."""
        deadline = time.monotonic() + timeout
        while True:
            streams, said = self.check()
            if streams[push]["healthy"] is well and bool(streams[push]["problem"]) is not well:
                return said
            assert time.monotonic() < deadline, said

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Stop a unit's processes, which stay in the process table and keep their connections."""
        pid = self.processes[name].pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        pids = [pid, *map(int, children)]
        assert len(pids) > 1
        for one in pids:
            os.kill(one, signal.SIGSTOP)
        try:
            yield
        finally:
            for one in pids:
                os.kill(one, signal.SIGCONT)

    def wait_for(self, push: str, state: str, timeout: float = 30.0) -> None:
        deadline = time.monotonic() + timeout
        while (found := self.states()[push]) != state:
            assert time.monotonic() < deadline, f"{push} is {found}, not {state}"

    def key(self, label: str) -> str:
        return self.lab.simulator.service.stream_key_of(self.lab.sessions()[label])

    def logs(self) -> str:
        return "".join(log.read_text(errors="replace") for log in self.folder.glob("*.log"))


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    folder = tmp_path_factory.mktemp("lab")
    clip = media.make_loops(Path(".cache/media").resolve())["testsrc-360p"]
    user = {"username": "host", "email": "host@example.com"}
    credentials = {name: f"sim-{name}-{secrets.token_hex(12)}" for name in ("api_key", "token")}
    seed = {"users": [user | credentials], "presets": [{"id": PRESET, "name": "Stage", "type": "rtmp"}], "rooms": []}
    rooms = [
        {"title": "Main hall", "sessions": [session(KEYNOTE), session(BACKUP)]},
        {"title": "Зал", "sessions": [session(TALK)]},
    ]
    # The path of a socket has 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="relay-") as own, encoder_lab(folder, rooms, seed) as lab:
        host = BootedHost(lab.controller, folder / "host", name=RELAY)
        running = Relay(lab, host, Path(own), clip, ingest.free_port(), ingest.free_port())
        try:
            yield running
        finally:
            for name in list(running.processes):
                running.stop(name)


@pytest.fixture(scope="module")
def written(relay: Relay) -> Relay:
    run = relay.write("-vvvv", "--diff")
    assert run.returncode == 0, run.output
    assert [key for key in relay.lab.simulator.issued_keys() if key in run.output] == []
    return relay


@pytest.fixture(scope="module")
def publisher(written: Relay) -> Iterator[subprocess.Popen[bytes]]:
    for name in ("relay", PRIMARY, SECOND):
        written.start(name)
    time.sleep(0.5)
    process = written.publish("main-hall-keynote")
    yield process
    process.kill()
    process.wait()


def test_nginx_takes_the_settings(written: Relay) -> None:
    pushes = sorted(path.stem for path in (written.root / "pushes").glob("*.conf"))
    assert pushes[1:] == [SECOND, PRIMARY]
    # What a name cannot hold is told apart by a digest, and never reaches the settings.
    assert pushes[0].startswith("1-id-x-")
    assert pushes[0].endswith(".primary")
    for name in ("relay", *pushes):
        command, folder = written.command(name)
        tried = subprocess.run([*command, "-t"], cwd=folder, capture_output=True, text=True, check=False)
        assert tried.returncode == 0, tried.stderr
        # A trial leaves its sockets behind.
        for left in folder.glob("*.sock"):
            left.unlink()


def test_an_encoder_without_a_key_reaches_the_session_and_its_backup(
    written: Relay, publisher: subprocess.Popen[bytes]
) -> None:
    ids = written.lab.sessions()
    for label in (KEYNOTE, BACKUP):
        assert written.lab.wait_until_playing(ids[label], 40).size == "640x360"
    written.wait_for(PRIMARY, "on air")
    written.wait_for(SECOND, "on air")
    assert publisher.poll() is None


def test_a_key_is_only_in_its_own_file_that_nobody_else_can_read(
    written: Relay, publisher: subprocess.Popen[bytes]
) -> None:
    for label, push in ((KEYNOTE, PRIMARY), (BACKUP, SECOND)):
        key = written.key(label)
        holder = written.root / "keys" / f"{push}.conf"
        assert stat.S_IMODE(holder.stat().st_mode) == 0o600
        assert stat.S_IMODE(holder.parent.stat().st_mode) == 0o700
        given = written.folder / "run-push" / push / "credentials" / "destination.conf"
        found = [path for path in written.folder.rglob("*") if path.is_file() and key.encode() in path.read_bytes()]
        assert sorted(found) == sorted([holder, given])
        assert processes_that_show(key) == []
        assert key not in written.logs()


def test_a_name_that_nobody_knows_is_refused(written: Relay, publisher: subprocess.Popen[bytes]) -> None:
    refused = written.publish("main-hall-keynot")
    try:
        assert refused.wait(30) != 0
    finally:
        refused.kill()
    assert publisher.poll() is None


def test_another_key_reaches_the_running_stream_while_its_encoder_stays_connected(
    written: Relay, publisher: subprocess.Popen[bytes]
) -> None:
    ids = written.lab.sessions()
    second = written.processes[SECOND].pid
    written.wait_until_well(PRIMARY, well=True)
    written.lab.rotate_key(ids[KEYNOTE])
    said = written.wait_until_well(PRIMARY, well=False)
    assert f"{KEYNOTE} ({PRIMARY}) has not been well for " in said
    assert "takes connections but no media: it refuses the stream key, or the session has ended" in said
    assert f"({SECOND}) has not been well" not in said
    assert [key for key in written.lab.simulator.issued_keys() if key in said] == []
    run = written.write("-vvv", "--diff")
    # The key's file and the one that notes its fingerprint: what is as it was is left alone.
    assert run.returncode == 0, run.output
    actions = [one for one in run.records if one["action"] == "tenbyte.webinar.encoder_host"]
    (done,) = [one["result"] for one in actions if one["kind"] == "ok"]
    assert done["written"] == [str(written.root / one / f"{PRIMARY}.conf") for one in ("keys", "pushes")]
    assert done["restarted"] == [f"tenbyte-rtmp-relay-push@{PRIMARY}.service"]
    assert (done["started"], done["reloaded"]) == ([], [])
    assert [key for key in written.lab.simulator.issued_keys() if key in run.output] == []
    written.stop(PRIMARY)
    written.start(PRIMARY)
    written.lab.wait_until_playing(ids[KEYNOTE], 40)
    written.wait_for(PRIMARY, "on air")
    written.wait_until_well(PRIMARY, well=True)
    assert written.processes[SECOND].pid == second
    assert publisher.poll() is None


def test_a_destination_that_is_down_is_seen_and_its_key_is_in_no_log(
    written: Relay, publisher: subprocess.Popen[bytes]
) -> None:
    written.lab.ingest.stop()
    try:
        assert "cannot be reached" in written.wait_until_well(PRIMARY, well=False)
    finally:
        # The service would believe its dead ingest's publishers to be there for a while.
        service = written.lab.simulator.service
        with service.lock:
            for one in service.sessions.values():
                one.publisher = None
        written.lab.ingest.start()
    written.wait_for(PRIMARY, "on air")
    assert "Connection refused" in written.logs()
    assert [key for key in written.lab.simulator.issued_keys() if key in written.logs()] == []
    assert publisher.poll() is None


def test_the_relay_survives_an_encoder_that_comes_while_its_push_is_down(
    written: Relay, publisher: subprocess.Popen[bytes]
) -> None:
    written.stop(SECOND)
    publisher.kill()
    publisher.wait()
    again = written.publish("main-hall-keynote")
    try:
        written.wait_for(PRIMARY, "on air")
        assert "exited on signal" not in written.logs()
        written.start(SECOND)
        written.wait_for(SECOND, "on air")
        assert again.poll() is None
    finally:
        again.kill()
        again.wait()


def test_a_frozen_process_and_an_encoder_that_is_gone_are_not_well(written: Relay) -> None:
    encoder = written.publish("main-hall-keynote")
    try:
        written.wait_until_well(PRIMARY, well=True)
        with written.frozen(PRIMARY):
            said = written.wait_until_well(PRIMARY, well=False)
            assert f"tenbyte-rtmp-relay-push@{PRIMARY}.service does not run, or is frozen" in said
        written.wait_until_well(PRIMARY, well=True)
        with written.frozen("relay"):
            said = written.wait_until_well(SECOND, well=False)
            assert "tenbyte-rtmp-relay.service does not run, or is frozen, so encoders do not reach it" in said
    finally:
        encoder.kill()
        encoder.wait()
    encoder = written.publish("main-hall-keynote")
    try:
        written.wait_until_well(SECOND, well=True, timeout=40)
    finally:
        encoder.kill()
        encoder.wait()
    assert "its encoder has gone" in written.wait_until_well(SECOND, well=False)


def test_a_worker_that_is_killed_is_replaced_before_anything_fails(written: Relay) -> None:
    encoder = written.publish("main-hall-keynote")
    try:
        written.wait_until_well(PRIMARY, well=True)
        pid = written.processes[PRIMARY].pid
        (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(int(worker), signal.SIGKILL)
        for _check in range(6):
            streams, said = written.check()
            assert streams[PRIMARY]["healthy"], said
        assert streams[PRIMARY]["state"] == "on air"
    finally:
        encoder.kill()
        encoder.wait()


def test_streams_of_another_event_stay_in_the_settings_until_they_are_gone(written: Relay) -> None:
    ids = written.lab.sessions()
    room, _separator, title = TALK.partition("/")
    other = {"session_id": ids[TALK], "room": room, "title": title, "name": "talk", "rtmp_url": "rtmp://127.0.0.1/live"}
    run = written.write(rtmp_relay_streams=[other], rtmp_relay_backups={}, rtmp_relay_scope="other")
    assert run.returncode == 0, run.output
    settings = (written.root / "relay.conf").read_text()
    for push in (PRIMARY, SECOND, "talk.primary"):
        assert settings.count(f"/{push}.sock name=") == settings.count(f"unix:{push}.sock;") == 1
    forgotten = without_pushes(settings, ["talk.primary"])
    (written.root / "relay.conf").write_text(forgotten)
    settings = forgotten
    assert '"publish:main-hall-keynote"' not in settings
    assert f"/{PRIMARY}.sock name=" not in settings
    assert settings.count('"publish:talk"') == settings.count("/talk.primary.sock name=") == 1
    command, folder = written.command("relay")
    tried = subprocess.run([*command, "-t"], cwd=folder, capture_output=True, text=True, check=False)
    assert "syntax is ok" in tried.stderr


def test_malformed_values_are_refused_before_anything_is_written(written: Relay) -> None:
    room, _separator, title = KEYNOTE.partition("/")
    good = {"session_id": written.lab.sessions()[KEYNOTE], "room": room, "title": title}
    good["rtmp_url"] = written.lab.ingest.rtmp_url
    its_own = {name: good[name] for name in ("session_id", "rtmp_url")}
    streams: dict[str, tuple[dict[str, object], str]] = {
        "directive in a URL": ({"rtmp_url": "rtmp://127.0.0.1/live;deny"}, "is not an ingest URL"),
        "line break in a URL": ({"rtmp_url": "rtmp://127.0.0.1/live\n"}, "is not an ingest URL"),
        "variable in a URL": ({"rtmp_url": "rtmp://127.0.0.1/$arg_x"}, "is not an ingest URL"),
        "password in a URL": ({"rtmp_url": "rtmp://me:word@127.0.0.1/live"}, "is not an ingest URL"),
        "another protocol": ({"rtmp_url": "https://127.0.0.1/live"}, "is not an ingest URL"),
        "path as an id": ({"session_id": "../../x"}, "is not a UUID"),
        "session without key": ({"session_id": "00000000-0000-4000-8000-000000000000"}, "holds no stream key"),
        "path as a name": ({"name": "../x"}, "Set rtmp_relay_names"),
        "session as its own backup": ({"backups": [its_own]}, "listed twice"),
    }
    cases: dict[str, dict[str, object]] = {
        name: {"rtmp_relay_streams": [good | change]} for name, (change, _complaint) in streams.items()
    }
    others: dict[str, tuple[dict[str, object], str]] = {
        "host name to listen on": ({"rtmp_relay_address": "localhost"}, "must be an IP address"),
        "one port for both": ({"rtmp_relay_port": 1935, "rtmp_relay_push_port": 1935}, "two different ports"),
        "directive as a network": ({"rtmp_relay_publishers": ["all; allow play all"]}, "rtmp_relay_publishers"),
        "nobody may publish": ({"rtmp_relay_publishers": []}, "at least one"),
        "unknown backup": ({"rtmp_relay_backups": {KEYNOTE: ["Main hall/Keynot"]}}, "no session of the event"),
        "space in a path": ({"rtmp_relay_ca_path": "/etc/my certificates.pem"}, "rtmp_relay_ca_path"),
        "two streams of one name": (
            {"rtmp_relay_streams": [good, good | {"title": "key note", "name": "main-hall-keynote"}]},
            "Set rtmp_relay_names",
        ),
    }
    cases |= {name: {"rtmp_relay_streams": [good], **change} for name, (change, _complaint) in others.items()}
    cases["unknown sessions"] = {}
    expected = {name: complaint for name, (_change, complaint) in (streams | others).items()}
    expected["unknown sessions"] = "set rtmp_relay_streams"
    files = sorted(path for path in written.root.rglob("*") if path.is_file())
    # Without an event, no session is known that could be a backup.
    own = {**written.variables, "rtmp_relay_backups": {}}
    said = written.lab.refusals({name: own | one for name, one in cases.items()}, role={"name": ROLE})
    assert sorted(path for path in written.root.rglob("*") if path.is_file()) == files
    assert {name: complaint for name, complaint in expected.items() if complaint not in said[name]} == {}, said


def test_options_of_a_wrong_kind_are_refused_by_name(written: Relay) -> None:
    cases: dict[str, dict[str, object]] = {
        "rtmp_relay_port": {"rtmp_relay_port": "rtmp"},
        "rtmp_relay_state": {"rtmp_relay_state": "paused"},
        "rtmp_relay_streams": {"rtmp_relay_streams": [{"room": "Main hall", "title": "Keynote"}]},
        "rtmp_relay_backups": {"rtmp_relay_backups": [KEYNOTE]},
    }
    said = written.lab.refusals(
        {name: written.variables | {"rtmp_relay_state": "stopped"} | one for name, one in cases.items()},
        role={"name": ROLE},
    )
    assert {name for name in cases if name not in said[name] or "accepted" in said[name]} == set(), said
