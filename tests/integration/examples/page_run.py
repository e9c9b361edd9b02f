# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the blocks of YAML of one page: as few playbooks as can run them all, on a controller of the test's own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography.fernet import Fernet

from tests.documented import Block, commands, named_block
from tests.integration.controller import BIN, ROOT, Controller, Run
from tests.unit._encoders.role_streams import STREAM, settled

PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"
ROLES = ("ffmpeg_encoder", "rtmp_relay", "obs_encoder")
# Their hosts need systemd, so no playbook runs them here.
WITHOUT_HOST = ("rtmp_relay", "obs_encoder")
# What changes the hosts of encoders, and is run in check mode only.
CHANGES_HOSTS = re.compile(
    r"tenbyte\.webinar\.(?:ffmpeg_encoder|rtmp_relay|obs_encoder|provision|rehearse|verify|teardown)\b"
)
# Which playbook reads a variable, by the beginning of its name; provision reads all others.
READERS = {"status": "status", "export": "export", "ledger": "ledger"}


@dataclass(frozen=True)
class PageRun:
    controller: Controller
    folder: Path
    blocks: Sequence[Block]

    @property
    def home(self) -> Path:
        return self.controller.home

    def of(self, *kinds: str) -> list[Block]:
        return [block for block in self.blocks if block.kind in kinds]

    def write(self) -> None:
        """Write each block into its file, and what a page takes for granted: an event, an inventory, media."""
        for folder in (self.folder / "etc", self.folder / "media", self.home / "group_vars"):
            folder.mkdir(parents=True)
        readme = ROOT / "README.md"
        for name in ("event.yml", "inventory.yml"):
            (self.home / name).write_text(named_block(readme, name))
        for block in self.blocks:
            file = self.home / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.text_of(block))
        pages = "".join(block.text for block in self.blocks)
        for name in {*re.findall(r"/srv/media/([\w.-]+)", pages), *re.findall(r"\bfiles/([\w.-]+)", pages)}:
            (self.folder / "media" / name).write_text('{"sources": []}')
        # Variables of an event come after those of the plays, unlike with -e.
        (self.home / "group_vars" / "all.yml").write_text((self.home / "event.yml").read_text())
        (self.home / "local.yml").write_text(
            yaml.safe_dump({"local": {"hosts": {"localhost": {"ansible_connection": "local"}}}})
        )

    def keys_of(self, block: Block) -> Path:
        """Where a block's /etc/encoder is: each has a folder of its own, which the block has to make."""
        return self.folder / "etc" / f"encoder-{block.number}"

    def text_of(self, block: Block) -> str:
        """Return a block with the places of the test instead of those of a user."""
        text = block.text.replace("/etc/encoder", str(self.keys_of(block)))
        text = re.sub(r"/srv/media/|\bfiles/", f"{self.folder}/media/", text)
        if block.kind == "variables" and "…" in text:
            values = {name: self.known(name) if "…" in str(value) else value for name, value in block.content.items()}
            return yaml.safe_dump(values)
        return text

    def known(self, name: str) -> str:
        """Return the value of a variable or an environment variable that a user has, and a page leaves out."""
        values = {
            "tenbyte_api_url": self.controller.api_url,
            "tenbyte_api_key": self.controller.api_key,
            "tenbyte_ledger_url": f"sqlite:///{self.controller.ledger_file}",
            "tenbyte_ledger_key": Fernet.generate_key().decode(),
            "pgpassword": "unused",
        }
        return values[name.lower()]

    def inventories(self) -> list[str]:
        files = [block.file for block in self.of("inventory")] or ["inventory.yml"]
        return [argument for file in ["local.yml", *files] for argument in ("-i", file)]

    def this_machine(self) -> dict[str, Any]:
        """Return the variables by which hosts of an inventory are this machine, without systemd."""
        return {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            "ffmpeg_encoder_root": str(self.folder / "encoder"),
            "ffmpeg_encoder_service_manager": "supervisord",
        }

    def arguments(self) -> list[str]:
        """No host of a role that needs systemd takes part."""
        # What scaling-out gives on its command line, and status needs.
        given = {**self.this_machine(), "part": 0, "parts": 1, "status_thumbnails": False}
        return [*self.inventories(), "--limit", "localhost,encoders", "-e", json.dumps(given)]

    def preview(self) -> Run:
        """Run all of the page in check mode, in one run of Ansible."""
        plays = [self.inventory_play(), *map(self.imported, self.of("playbook", "tasks"))]
        plays += [part for block in self.of("variables") for part in self.plays_with(block)]
        return self.run("preview.yml", plays, "--check", "--diff")

    def apply(self) -> Run | None:
        """Run what changes no host of an encoder, or return None if the page has no such block."""
        plays = [self.imported(block) for block in self.of("playbook", "tasks") if not CHANGES_HOSTS.search(block.text)]
        return self.run("apply.yml", plays) if plays else None

    def run(self, name: str, plays: Iterable[str], *arguments: str) -> Run:
        (self.home / name).write_text("".join(plays))
        return self.controller.playbook(name, *self.arguments(), *arguments)

    def imported(self, block: Block) -> str:
        if block.kind == "playbook":
            return f"- import_playbook: {block.file}\n"
        tasks = [{"ansible.builtin.import_tasks": block.file}]
        return yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}])

    def inventory_play(self) -> str:
        """Every host of the page's inventories must have a role of the collection."""
        found = "(groups | tenbyte.webinar.encoder_groups)"
        without_role = f"groups.all | difference(['localhost']) | difference({found}.roles.keys())"
        message = f"{{{{ {found}.problem }}}} Hosts without a role: {{{{ {without_role} }}}}"
        check = {"that": [f"{found}.problem == ''", f"{without_role} == []"], "fail_msg": message}
        tasks = [{"ansible.builtin.assert": check}]
        return yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}])

    def plays_with(self, block: Block) -> list[str]:
        """Return a play for each role or playbook that reads variables of the block."""
        variables = Block(block.page, block.number, self.text_of(block)).content
        roles = {role: [name for name in variables if name.startswith(f"{role}_")] for role in ROLES}
        plays = [self.spec_play(role, variables, names) for role, names in roles.items() if names]
        others = [name for name in variables if not any(name in roles[role] for role in WITHOUT_HOST)]
        readers = {READERS.get(name.partition("_")[0], "provision") for name in others}
        text = self.text_of(block)
        if readers and "event_rooms" not in variables:
            text += yaml.safe_dump(
                {"event_rooms": rooms_of(labels_in(variables), "encoder1")} if labels_in(variables) else {}
            )
        given = textwrap.indent(text.replace("\n{}\n", "\n"), "    ")
        return [
            *plays,
            *(f"- import_playbook: tenbyte.webinar.{reader}\n  vars:\n{given}" for reader in sorted(readers)),
        ]

    def spec_play(self, role: str, variables: dict[str, Any], names: Sequence[str]) -> str:
        """Settle the role's variables as the role does it, and return a play that checks them by its argument spec.

        In check mode, a new session has no id yet, so the role does not look at the settings of its stream.
        """
        given = {name.removeprefix(f"{role}_"): variables[name] for name in names}
        sessions = {label: stream_of(label) for label in labels_in({name: variables[name] for name in names})}
        backups = [label for labels in given.get("backups", {}).values() for label in labels]
        own = [session for label, session in sessions.items() if label not in backups]
        settled(role, *(own or [STREAM]), sessions=sessions, **given)
        spec = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
        check = {
            "argument_spec": spec["main"]["options"],
            "provided_arguments": {name: variables[name] for name in names},
        }
        tasks = [{"ansible.builtin.validate_argument_spec": check}]
        return yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}])

    def environments(self) -> None:
        """Let ansible-builder write the build of each execution environment."""
        for block in self.of("environment"):
            for file in block.content.get("additional_build_files", ()):
                (self.home / file["src"]).touch()
            command = [str(BIN / "ansible-builder"), "create", "-f", block.file, "-c", str(self.folder / "context")]
            done = subprocess.run(command, cwd=self.home, check=False, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, f"{block}: {done.stdout}{done.stderr}"
            assert (self.folder / "context" / "Containerfile").exists() or (
                self.folder / "context" / "Dockerfile"
            ).exists()

    def with_credential(self) -> Run | None:
        """Run a play with what the injectors of the page's credential type give, and nothing else."""
        fields = {field["id"] for block in self.of("credential fields") for field in block.content["fields"]}
        given: dict[str, dict[str, str]] = {"extra_vars": {}, "env": {}}
        for block in self.of("injectors"):
            for place, values in block.content.get("injectors", block.content).items():
                for name, template in values.items():
                    assert set(re.findall(r"\{\{ *(\w+) *\}\}", template)) <= fields, f"{block}: {template}"
                    given[place][name] = self.known(name)
        if not any(given.values()):
            return None
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [{"tenbyte.webinar.session_info": {}}, {"tenbyte.webinar.ledger": {"operation": "list"}}],
        }
        (self.home / "credential.yml").write_text(yaml.safe_dump([play]))
        nothing = {"TENBYTE_API_KEY": "", "TENBYTE_LEDGER_URL": ""}
        return self.controller.playbook(
            "credential.yml", "-e", json.dumps(given["extra_vars"]), environment={**nothing, **given["env"]}
        )

    def pipelines(self) -> dict[str, Run]:
        """Run the commands of each pipeline that call ansible-playbook, in check mode, with their own arguments."""
        runs = {}
        for block in self.of("pipeline"):
            for command in dict.fromkeys(commands(block.content)):
                words = [os.path.expandvars(word) for word in command.split()]
                hosts = ["-e", json.dumps(self.this_machine())] if "-i" in words else []
                runs[command] = self.controller.playbook(*words[1:], *hosts, "--check")
        return runs

    def requirements(self) -> None:
        """Let ansible-galaxy install what a page's requirements name, from this repository."""
        for block in self.of("requirements"):
            if not (ROOT / ".git").exists():
                continue
            (source,) = block.content["collections"]
            instead = {"KEY_0": f"url.file://{ROOT}.insteadOf", "VALUE_0": source["name"], "COUNT": "1"}
            environment = {**os.environ, **{f"GIT_CONFIG_{name}": value for name, value in instead.items()}}
            installed = self.folder / "installed"
            command = [str(BIN / "ansible-galaxy"), "collection", "install", "-r", block.file, "-p", str(installed)]
            done = subprocess.run(
                command, cwd=self.home, env=environment, check=False, capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0, f"{block}: {done.stdout}{done.stderr}"
            assert (installed / "ansible_collections" / "tenbyte" / "webinar" / "MANIFEST.json").exists()


def labels_in(variables: dict[str, Any]) -> list[str]:
    """Return the names of the sessions that variables of encoders' roles speak of."""
    found: dict[str, None] = {}
    for name, value in variables.items():
        if name.endswith(("_sources", "_profiles", "_slates", "_names", "_backups", "_whip_urls")):
            found |= dict.fromkeys(value)
        if name.endswith("_backups"):
            found |= dict.fromkeys(label for labels in value.values() for label in labels)
    return list(found)


def rooms_of(labels: Iterable[str], encoder: str) -> list[dict[str, Any]]:
    rooms: dict[str, list[dict[str, str]]] = {}
    for label in labels:
        room, _slash, title = label.partition("/")
        rooms.setdefault(room, []).append({"title": title, "preset_id": PRESET, "encoder": encoder})
    return [{"title": room, "sessions": sessions} for room, sessions in rooms.items()]


def stream_of(label: str) -> dict[str, Any]:
    room, _slash, title = label.partition("/")
    own = {"session_id": str(uuid.uuid5(uuid.NAMESPACE_URL, label)), "label": label, "room": room, "title": title}
    return {**STREAM, **own}
