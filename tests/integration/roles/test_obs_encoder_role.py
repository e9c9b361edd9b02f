# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that the role obs_encoder writes for OBS; that OBS goes on air with them is the scenario obs's to prove."""

from __future__ import annotations

import configparser
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import PRESET
from tests.integration.controller import Controller
from tests.integration.roles.booted import BootedHost
from tests.lab.leaks import places_in_files
from tests.simulator.server import Simulator

ROLE = "tenbyte.webinar.obs_encoder"
KEYNOTE, SHOW = "Main hall/Keynote", 'Зал/Show "1"; $(id) \\n %'
ROOMS: list[dict[str, Any]] = [
    {"title": label.partition("/")[0], "sessions": [{"title": label.partition("/")[2], "preset_id": PRESET}]}
    for label in (KEYNOTE, SHOW)
]
for one in ROOMS:
    one["sessions"][0] |= {"encoder": "studio", "mode": "rtmp"}
COLLECTION = {"name": "Mine", "current_scene": "A", "sources": [{"id": "scene", "name": "A {{ x }} {% y"}]}


# Imported by each Python of a run.
USERS = """
import pwd
known = pwd.getpwnam
pwd.getpwnam = lambda name: (
    pwd.struct_passwd(("director", "x", 0, 0, "", {home!r}, "/bin/sh")) if name == "director" else known(name)
)
"""
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the role needs root")


def menu_name(label: str) -> str:
    """What a person finds in the menus of OBS."""
    return ("Tenbyte " + re.sub(r"[^\w .-]", " ", label)).strip()


@pytest.fixture
def host(controller: Controller, tmp_path: Path) -> BootedHost:
    """Return a host with a user named director, whose home is below the host's folder."""
    host = BootedHost(controller, tmp_path / "host", name="studio")
    home = host.folder / "home"
    home.mkdir()
    (host.folder / "python").mkdir()
    (host.folder / "python" / "sitecustomize.py").write_text(USERS.format(home=str(home)))
    controller.environment["PYTHONPATH"] = str(host.folder / "python")
    return host


def test_obs_gets_its_service_encoder_and_scenes_and_the_key_is_nowhere_else(
    simulator: Simulator, host: BootedHost, tmp_path: Path
) -> None:
    collection = tmp_path / "show.json"
    collection.write_text(json.dumps(COLLECTION))
    root, home = host.root("obs_encoder"), host.folder / "home" / ".config" / "obs-studio"
    variables: dict[str, Any] = {
        "obs_encoder_source": {"type": "color", "color": "#102030"},
        "obs_encoder_sources": {SHOW: {"type": "scene_collection", "path": str(collection)}},
        "obs_encoder_profiles": {KEYNOTE: {"size": "640x360", "video_bitrate": 800, "encoder_settings": {"bf": 1}}},
        "obs_encoder_start": False,
        "obs_encoder_user": "director",
    }
    run = host.play("obs_encoder", ROOMS, "-vvvv", "--diff", **variables)
    assert run.returncode == 0, run.output
    keys = simulator.issued_keys()
    assert [key for key in keys if key in run.output] == []

    state = simulator.service
    ids = {f"{one.room.title}/{one.title}": one.id for one in state.sessions.values()}
    for label, session_id in ids.items():
        profile = home / "basic" / "profiles" / f"tenbyte-{session_id}"
        key = state.stream_key_of(session_id)
        service = json.loads((profile / "service.json").read_text())
        assert service["type"] == "rtmp_custom"
        assert service["settings"]["key"] == key
        assert service["settings"]["server"] == "rtmp://127.0.0.1:1935/live"
        assert stat.S_IMODE(profile.stat().st_mode) == 0o700
        holders = (root / "keys" / f"{session_id}.json", profile / "service.json")
        found = places_in_files([key], host.folder)
        assert sorted(found) == sorted(f"{one.relative_to(host.folder)} 0600" for one in holders)
        settings = configparser.ConfigParser(interpolation=None, strict=True)
        settings.read(profile / "basic.ini", encoding="utf-8")
        assert settings["General"]["Name"] == menu_name(label)
        assert settings["AdvOut"]["Encoder"] == "obs_x264"
    keynote = home / "basic" / "profiles" / f"tenbyte-{ids[KEYNOTE]}"
    assert json.loads((keynote / "streamEncoder.json").read_text()) == {
        "rate_control": "CBR",
        "bitrate": 800,
        "keyint_sec": 2,
        "preset": "veryfast",
        "profile": "high",
        "bf": 1,
    }
    scenes = {
        label: json.loads((home / "basic" / "scenes" / f"tenbyte-{one}.json").read_text()) for label, one in ids.items()
    }
    color = scenes[KEYNOTE]["sources"][1]
    assert (color["id"], hex(color["settings"]["color"])) == ("color_source_v3", "0xff302010")
    assert scenes[SHOW] == COLLECTION | {"name": menu_name(SHOW)}

    # OBS writes its files anew; what a person set there stays, but a key that is not the present one does not.
    (keynote / "streamEncoder.json").write_text('{"bitrate": 4000}')
    (keynote / "service.json").write_text('{"type": "rtmp_custom", "settings": {"key": "another"}}')
    again = host.play("obs_encoder", ROOMS, **variables)
    assert again.recap("studio")["changed"] == 1, again.output
    assert again.result("tenbyte.webinar.encoder_host")
    assert json.loads((keynote / "streamEncoder.json").read_text()) == {"bitrate": 4000}
    assert json.loads((keynote / "service.json").read_text())["settings"]["key"] == state.stream_key_of(ids[KEYNOTE])
    assert [key for key in keys if key in again.output] == []

    # Sent unattended, they are the person's no more.
    taken = host.play("obs_encoder", None, obs_encoder_state="absent")
    assert taken.returncode == 0, taken.output
    assert list(home.rglob("*tenbyte*")) == []
    assert not root.exists()


def test_the_whip_endpoint_that_the_service_names_is_used_unless_another_is_given(
    simulator: Simulator, host: BootedHost
) -> None:
    host.put("obs", '#!/bin/sh\necho "OBS Studio - 30.1.2"\n')
    sessions = "hostvars['localhost'].ansible_facts['tenbyte_sessions']"
    for name, place in (("keynote", "named"), ("show", "told")):
        sessions = (
            f"({sessions} | combine({{{name}: {sessions}[{name}] | combine({{'whip_url': 'https://{place}/x'}})}}))"
        )
    facts = {
        "cacheable": True,
        "tenbyte_sessions": f"{{{{ {sessions} }}}}",
        "tenbyte_sessions_run": "{{ hostvars['localhost'].ansible_facts['tenbyte_sessions_run'] }}",
    }
    variables = {"obs_encoder_service": "whip_custom", "obs_encoder_whip_urls": {SHOW: "https://written/y"}}
    role = {"ansible.builtin.include_role": {"name": ROLE}, "vars": host.variables("obs_encoder") | variables}
    tasks = [{"ansible.builtin.set_fact": facts, "vars": {"keynote": KEYNOTE, "show": SHOW}}, role]
    event = {"role": "tenbyte.webinar.event", "vars": {"event_rooms": ROOMS}}
    plays = [
        {"hosts": "localhost", "gather_facts": False, "roles": [event]},
        {"hosts": "studio", "gather_facts": False, "tasks": tasks},
    ]
    run = host.controller.plays(plays, "-i", host.inventory())
    assert run.returncode == 0, run.output
    state = simulator.service
    servers = {}
    for one in state.sessions.values():
        file = host.root("obs_encoder") / "keys" / f"{one.id}.json"
        servers[f"{one.room.title}/{one.title}"] = json.loads(file.read_text())["settings"]["server"]
    assert servers == {KEYNOTE: "https://named/x", SHOW: "https://written/y"}


def test_malformed_values_are_refused_before_anything_is_written(
    simulator: Simulator, host: BootedHost, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("[Basic]\nProfile=x\n")
    unknown = "00000000-0000-4000-8000-000000000000"
    good = {"session_id": unknown, "room": "Main hall", "title": "Keynote", "rtmp_url": "rtmp://127.0.0.1/live"}

    def stream(**change: object) -> dict[str, object]:
        return {"obs_encoder_streams": [good | change]}

    cases: dict[str, tuple[dict[str, object], str]] = {
        "unknown sessions": ({}, "set obs_encoder_streams"),
        "quote in a URL": (stream(rtmp_url='rtmp://127.0.0.1/live"'), "is not an ingest URL"),
        "no URL": (stream(rtmp_url=""), "is not an ingest URL"),
        "path as an id": (stream(session_id="../../x"), "is not a UUID"),
        "whip without an endpoint": (
            stream() | {"obs_encoder_service": "whip_custom"},
            "obs_encoder_whip_urls",
        ),
        "session without key": (stream(), "there is no ledger"),
        "relative file": (stream(source={"type": "file", "path": "a.mp4"}), "absolute path"),
        "colour by name": (stream(source={"type": "color", "color": "red"}), "like #204060"),
        "scenes that are none": (
            stream(source={"type": "scene_collection", "path": str(broken)}),
            "no scene collection",
        ),
        "size in words": (stream(profile={"size": "720p"}), "like 1280x720"),
        "bitrate with a unit": (stream(profile={"video_bitrate": "3M"}), "video_bitrate"),
        "odd sound": (stream(profile={"audio_bitrate": 100}), "audio_bitrate"),
        "nobody to start it": (stream() | {"obs_encoder_start": False}, "obs_encoder_user"),
        "folder of others": (stream() | {"obs_encoder_root": "/etc"}, "at least two parts"),
        "state": (stream() | {"obs_encoder_state": "paused"}, "obs_encoder_state"),
        "kind": (stream() | {"obs_encoder_health_interval": "often"}, "obs_encoder_health_interval"),
    }
    tasks: list[dict[str, Any]] = []
    for name, (variables, _complaint) in cases.items():
        used = {"ansible.builtin.include_role": {"name": ROLE}, "vars": host.variables("obs_encoder") | variables}
        tried = [used, {"ansible.builtin.debug": {"msg": "ok"}}]
        tasks.append({"ansible.builtin.debug": {"msg": f"CASE {name}:"}})
        tasks.append({"block": tried, "rescue": [{"ansible.builtin.debug": {"msg": "refused"}}]})
    plays = [{"hosts": "studio", "gather_facts": False, "tasks": tasks}]
    run = host.controller.plays(plays, "-i", host.inventory())
    _before, *parts = re.split(r"CASE (.*?):\"", run.output)
    said = {name: " ".join(text.split()) for name, text in zip(parts[::2], parts[1::2], strict=True)}
    missing = {name: complaint for name, (_variables, complaint) in cases.items() if complaint not in said[name]}
    assert missing == {}, said
    assert run.recap("studio")["changed"] == 0
    assert host.files() == {}
