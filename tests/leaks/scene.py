# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the plays on one version of ansible-core, and keeps all output, logs and files of the runs."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from cryptography.fernet import Fernet

from tests.integration.controller import BIN, Controller, Run
from tests.integration.roles.booted import BootedHost
from tests.integration.roles.encoders import FFMPEG
from tests.lab.leaks import ProcessWatch, places_in_files, places_in_texts
from tests.leaks import system_log
from tests.leaks.plays import ECHO_ROOM, EVERYTHING, FIRST, KEY_TEMPLATE, PLANTING, PRESET, play
from tests.simulator.server import Simulator

_SAMPLE_SECONDS = 0.05


def canary(name: str) -> str:
    """Return a secret that is escaped differently in JSON, in a URL and in XML."""
    return f'{name}"/+&<{secrets.token_hex(16)}>='


def canary_fernet_key() -> str:
    while True:
        key = Fernet.generate_key().decode()
        # The search looks for long alphanumeric parts of a secret, so the key must have one.
        if max(map(len, re.findall(r"[A-Za-z0-9]+", key))) >= 16:
            return key


@dataclass
class Scene:
    """The runs and their output. ``secrets`` (by kind) must not be found, ``planted`` must be found everywhere."""

    simulator: Simulator
    controller: Controller
    log: system_log.SystemLog | None
    watch: ProcessWatch
    given: dict[str, str]
    planted: str
    runs: dict[str, Run] = field(default_factory=dict)
    runner_output: str = ""

    @property
    def home(self) -> Path:
        return self.controller.home

    @property
    def secrets(self) -> dict[str, list[str]]:
        host = self.simulator.service.users[0]
        keys = self.simulator.issued_keys()
        return {
            "API key": [host.api_key],
            "token": [host.token],
            "ledger key": [self.given["tenbyte_ledger_key"], self.given["leak_other_ledger_key"]],
            "stream key": [*keys, self.given["leak_adopted_key"]],
            "ingest URL": [f"rtmp://127.0.0.1:1935/live/{key}" for key in keys],
            "vault password": [self.given["leak_vault_password"]],
            "LiveKit token": self.simulator.service.issued_tokens(),
        }

    def run(self, name: str, tasks: str, *arguments: str) -> Run:
        return self._kept(name, self.controller.plays([play(tasks)], "-i", str(self.home / "inventory"), *arguments))

    def run_ignoring_errors(self, name: str, tasks: str, *arguments: str) -> Run:
        plays = [play(tasks, ignore_errors=True)]
        return self._kept(name, self.controller.plays(plays, "-i", str(self.home / "inventory"), *arguments))

    def _kept(self, name: str, done: Run) -> Run:
        self.runs[name] = done
        return done

    def texts(self) -> dict[str, str]:
        """Return the output and the system log. Files are searched in their place."""
        found = {f"output of {name}": done.output for name, done in self.runs.items()}
        found["output of ansible-runner"] = self.runner_output
        if self.log is not None:
            found["system log"] = self.log.text
        return found

    def places_of(self, values: list[str]) -> list[str]:
        return [
            *places_in_texts(values, self.texts()),
            *places_in_files(values, self.home),
            *self.watch.places_of(values),
        ]

    def places_of_planted(self) -> set[str]:
        """Return the kinds of places in which the planted value was found."""
        places = [re.sub(r" \d{4}$", "", place) for place in self.places_of([self.planted])]
        return {_kind(place) for place in places}


def _kind(place: str) -> str:
    if place.startswith("/proc/"):
        return place.rpartition("/")[2]
    if place.startswith("remote/"):
        # A module is sent as a zip with its code and its arguments, or as a file.
        return "module on disk" if "AnsiballZ" in place else "file in transfer"
    return place.partition("/")[0] if "/" in place else re.sub(r"-\d+\.jsonl$", "", place)


@contextlib.contextmanager
def scene(folder: Path, commands: Path, collections: Path, *, with_runner: bool) -> Iterator[Scene]:
    home = folder / "controller"
    api_key, token = canary("api"), canary("token")
    seed: dict[str, Any] = {
        "users": [{"username": "host", "email": "host@example.com", "api_key": api_key, "token": token}],
        "presets": [{"id": PRESET, "name": "Stage", "type": "rtmp"}],
        "rooms": [{"id": ECHO_ROOM, "title": "Echo", "host": "host"}],
        "ingest": {
            "rtmp_url": "rtmp://127.0.0.1:1935/live",
            "hls_url": "http://127.0.0.1:8080/hls/{session_id}/index.m3u8",
        },
    }
    with contextlib.ExitStack() as stack:
        simulator = stack.enter_context(Simulator(seed))
        simulator.service.key_form = "key/+stream=&{random}"
        simulator.service.rtmp_form = "rtmp://127.0.0.1:1935/live/{stream_key}"
        simulator.service.whip_form = "https://127.0.0.1:8889/{stream_key}/whip"
        simulator.variant.whip_url_shown = "always"
        log = None if system_log.missing() else stack.enter_context(system_log.system_log())
        controller = Controller(
            home,
            simulator.api_url,
            "",
            collections,
            environment={
                **{f"TENBYTE_{name}": "" for name in ("API_KEY", "LEDGER_URL")},
                "ANSIBLE_CALLBACKS_ENABLED": "recorder,ansible.builtin.junit",
                "JUNIT_OUTPUT_DIR": str(home / "junit"),
                "ANSIBLE_CACHE_PLUGIN": "jsonfile",
                "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(home / "facts"),
                "ANSIBLE_LOG_PATH": str(home / "logs" / "ansible.log"),
                "ANSIBLE_VAULT_PASSWORD_FILE": str(home / "vault-password"),
                "ANSIBLE_KEEP_REMOTE_FILES": "1",
                "ANSIBLE_REMOTE_TEMP": str(home / "remote"),
                "ANSIBLE_NO_TARGET_SYSLOG": "false",
                "TMPDIR": str(home / "tmp"),
            },
            bin=commands,
            wrapper=log.wrapper if log else (),
        )
        given = {
            "tenbyte_api_key": api_key,
            "tenbyte_ledger_key": canary_fernet_key(),
            "tenbyte_ledger_url": f"sqlite:///{home}/ledger/ledger.sqlite3",
            "leak_token": token,
            "leak_other_ledger_key": canary_fernet_key(),
            "leak_vault_password": canary("vault"),
            "leak_home": str(home),
            "leak_keys": str(home / "keys"),
            "leak_commands": str(BIN),
        }
        watch = stack.enter_context(ProcessWatch(_SAMPLE_SECONDS))
        made = Scene(simulator, controller, log, watch, given, canary("planted"))
        _play_all(made, with_runner=with_runner)
        yield made


def _play_all(made: Scene, *, with_runner: bool) -> None:
    home, service = made.home, made.simulator.service
    for name in ("inventory/group_vars/all", "keys", "tmp", "templates", "logs", "runner/project", "forgotten", "copy"):
        (home / name).mkdir(parents=True)
    (home / "inventory" / "hosts.yml").write_text("all: {hosts: {localhost: {ansible_connection: local}}}\n")
    (home / "templates" / "key.j2").write_text(KEY_TEMPLATE)
    (home / "ffmpeg").write_text(FFMPEG)
    (home / "ffmpeg").chmod(0o755)
    (home / "vault-password").write_text(secrets.token_hex(16))
    # Relay and OBS get their programs, and a systemd, from there.
    host = BootedHost(made.controller, home / "host")
    given = {**host.variables("rtmp_relay"), **host.variables("obs_encoder")}
    (home / "inventory" / "group_vars" / "all" / "host.yml").write_text(yaml.safe_dump(given))
    made.given["leak_adopted_key"] = canary("adopted").replace('"', "").replace("<", "").replace(">", "")
    _write_variables(made)
    first = made.run("first", FIRST, "-vvvv", "--diff")
    assert first.returncode == 0, first.output[-3000:]
    sessions = {session.title: session for session in service.sessions.values()}
    made.given["leak_adopted_session"] = sessions["Seen elsewhere"].id
    _write_variables(made)
    _let_the_service_quote_secrets(made)
    made.run_ignoring_errors("everything", EVERYTHING, "-vvvv", "--diff")
    if with_runner:
        _run_ansible_runner(made)
    # Not with -e: the planted value would be found in the arguments of ansible-playbook.
    variables = home / "inventory" / "group_vars" / "all" / "planted.yml"
    variables.write_text(yaml.safe_dump({"planted": made.planted}))
    made.run_ignoring_errors("planting", PLANTING, "-vvvv", "--diff")


def _write_variables(made: Scene) -> None:
    vault = VaultLib([("default", VaultSecret((made.home / "vault-password").read_bytes()))])
    path = made.home / "inventory" / "group_vars" / "all" / "secrets.yml"
    path.write_bytes(vault.encrypt(yaml.safe_dump(made.given)))


def _let_the_service_quote_secrets(made: Scene) -> None:
    """Let the service refuse a request with an error that contains all secrets in different encodings."""
    host = made.simulator.service.users[0]
    known = [host.api_key, host.token, *made.simulator.issued_keys(), *made.secrets["ingest URL"]]
    forms = [
        form
        for secret in known
        for form in (
            secret,
            base64.b64encode(f"user:{secret}".encode()).decode(),
            quote(secret, safe=""),
            json.dumps(secret),
        )
    ]
    body = {
        "success": False,
        "error": f"no such preset for {' '.join(forms)}",
        "message": f"token {' '.join(made.simulator.service.issued_tokens())}",
        "code": host.api_key,
        "errors": [{"field": form, "message": form} for form in forms[:10]],
    }
    made.simulator.faults.add(
        "status",
        method="POST",
        path=f"/rooms/{ECHO_ROOM}/sessions$",
        status=422,
        times=None,
        body=body,
        headers={"X-Request-Id": host.api_key},
    )


def _run_ansible_runner(made: Scene) -> None:
    home = made.home
    folder = home / "runner"
    (folder / "project" / "plays.yml").write_text(yaml.safe_dump([play(EVERYTHING, ignore_errors=True)]))
    (folder / "project" / "templates").symlink_to(home / "templates")
    (folder / "inventory").symlink_to(home / "inventory")
    environment = made.controller.full_environment(home / "record-runner.jsonl", {"ANSIBLE_KEEP_REMOTE_FILES": ""})
    (home / "record-runner.jsonl").touch()
    command = [*made.controller.wrapper, str(made.controller.bin / "ansible-runner"), "run", str(folder)]
    command += ["--playbook", "plays.yml", "-vvvv", "--cmdline=--diff"]
    done = subprocess.run(
        command, env=environment, cwd=home, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    made.runner_output = done.stdout + done.stderr
