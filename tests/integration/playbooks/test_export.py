# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""export.yml writes what the service has as an event file, in which provision.yml finds nothing to change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import EVENT, OTHER_PRESET, PRESET
from tests.integration.controller import Controller, Run
from tests.integration.playbooks.event import HOSTILE, ROOMS, assert_no_secret, play, provision, session_titled
from tests.simulator.server import Simulator


class EventLoader(yaml.SafeLoader):
    """Reads YAML as Ansible does where text is marked as no template."""


EventLoader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))  # type: ignore[arg-type]


def exported(controller: Controller, *arguments: str, **options: Any) -> dict[str, Any]:
    run = play(controller, "export", "-e", "export_file=exported.yml", *arguments, **options)
    assert run.returncode == 0, run.output
    event: dict[str, Any] = EventLoader((controller.home / "exported.yml").read_text()).get_single_data()
    return event


def assert_nothing_to_change(controller: Controller, simulator: Simulator) -> Run:
    """Apply the exported file, first in check mode: nothing may change, nothing may be called but to read."""
    writes = len(simulator.journal.writes())
    for arguments in (["--check"], []):
        run = play(controller, "provision", "-e", "@exported.yml", *arguments)
        assert run.returncode == 0, run.output
        assert run.recap()["changed"] == 0
        assert run.result(EVENT)["plan"] == []
    assert len(simulator.journal.writes()) == writes
    return run


def test_the_exported_event_is_what_the_service_has(simulator: Simulator, controller: Controller) -> None:
    rooms = [
        {**ROOMS[0], "analytics": {"google_tag_manager": {"container_id": "GTM-1", "enabled": True}}},
        {
            "title": "Workshop",
            "sessions": [
                {
                    "title": "Hands on",
                    "description": "Bring a laptop",
                    "preset_id": OTHER_PRESET,
                    "mode": "webcam",
                    "settings": {"chat_enabled": False, "stage_enabled": True, "max_join_limit": 7},
                }
            ],
        },
        {"title": "Empty room", "sessions": []},
    ]
    provision(controller, rooms)
    simulator.service.start(session_titled(simulator, "Hands on"))
    event = exported(controller)
    assert set(event) == {"event_rooms"}
    by_title = {room.pop("title"): room for room in event["event_rooms"]}
    defaults = {"chat_enabled": True, "stage_enabled": True, "max_join_limit": 50}
    assert by_title == {
        "Main stage": {
            "description": "Plenary sessions",
            "analytics": {"google_tag_manager": {"container_id": "GTM-1", "enabled": True}},
            "sessions": [
                {
                    "title": "Keynote",
                    "preset_id": PRESET,
                    "mode": "rtmp",
                    "scheduled_start_time": "2027-05-04T07:00:00.000Z",
                    "settings": defaults,
                },
                {"title": "Panel", "preset_id": PRESET, "mode": "rtmp", "settings": defaults},
            ],
        },
        "Workshop": {
            "sessions": [
                {
                    "title": "Hands on",
                    "description": "Bring a laptop",
                    "preset_id": OTHER_PRESET,
                    "mode": "webcam",
                    "settings": {"chat_enabled": False, "stage_enabled": True, "max_join_limit": 7},
                }
            ]
        },
        "Empty room": {"sessions": []},
    }
    assert_nothing_to_change(controller, simulator)


def test_text_of_any_kind_comes_back_the_same(simulator: Simulator, controller: Controller) -> None:
    texts = [
        HOSTILE,
        "yes",
        "2027-05-04",
        "0123",
        "*alias",
        "a: b # c",
        "emoji \N{FLEXED BICEPS}\N{EMOJI MODIFIER FITZPATRICK TYPE-5}",
    ]
    texts += ["%} ends", "line\u2028separated", "Keynote", "keynote"]
    provision(controller, [{"title": "Main stage", "sessions": [{"title": "Seed", "preset_id": PRESET}]}])
    room = next(iter(simulator.service.rooms.values()))
    room.title = HOSTILE
    room.description = f"first line\n\n  second: {HOSTILE}\t\x85\ufeff end \\"
    for text in texts:
        simulator.service.create_session(room, {"title": text, "preset_id": PRESET, "description": f"{text}\nmore"})
    (found,) = exported(controller)["event_rooms"]
    assert (found["title"], found["description"]) == (room.title, room.description)
    assert sorted(session["title"] for session in found["sessions"]) == sorted([*texts, "Seed"])
    assert all(one["description"] == f"{one['title']}\nmore" for one in found["sessions"] if one["title"] != "Seed")
    run = assert_nothing_to_change(controller, simulator)
    assert sorted(session["title"] for session in run.result(EVENT)["sessions"]) == sorted([*texts, "Seed"])


@pytest.mark.seed(rooms=[{"title": "Not mine", "host": "stranger"}])
def test_past_sessions_and_the_rooms_of_others_are_left_out(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    hands_on = session_titled(simulator, "Hands on")
    simulator.service.start(hands_on)
    simulator.service.end(hands_on)
    rooms = exported(controller)["event_rooms"]
    assert {room["title"]: len(room["sessions"]) for room in rooms} == {"Main stage": 2, "Workshop": 0}


@pytest.mark.seed(rooms=[{"title": "Main stage", "host": "host"}])
def test_rooms_of_one_title_are_named_by_their_ids(simulator: Simulator, controller: Controller) -> None:
    first = next(iter(simulator.service.rooms.values()))
    other = simulator.service.create_room(first.host, {"title": "Main stage"})
    sessions = [{"title": "Keynote", "preset_id": PRESET}]
    provision(controller, [{"room_id": room.id, "sessions": sessions} for room in (first, other)])
    rooms = exported(controller)["event_rooms"]
    assert sorted(room["room_id"] for room in rooms) == sorted([first.id, other.id])
    assert all("title" not in room and len(room["sessions"]) == 1 for room in rooms)
    assert_nothing_to_change(controller, simulator)


def test_of_sessions_of_one_title_the_one_whose_key_is_kept_is_named(
    simulator: Simulator, controller: Controller
) -> None:
    provision(controller)
    kept = session_titled(simulator, "Hands on")
    others = [
        simulator.service.create_session(kept.room, {"title": "Hands on", "preset_id": PRESET}).id for _twin in range(2)
    ]
    workshop = next(room for room in exported(controller)["event_rooms"] if room["title"] == "Workshop")
    assert [session["session_id"] for session in workshop["sessions"]] == [kept.id]
    text = (controller.home / "exported.yml").read_text()
    assert all(other in text for other in others), "the file does not say which were left out"
    assert_nothing_to_change(controller, simulator)


def test_sessions_without_a_kept_key_are_left_as_they_are(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    room = next(iter(simulator.service.rooms.values()))
    simulator.service.create_session(room, {"title": "Made in the dashboard", "preset_id": PRESET})
    assert exported(controller)["event_on_missing_key"] == "ignore"
    assert_nothing_to_change(controller, simulator)


def test_encoders_are_taken_from_an_event_file(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    assert encoders(exported(controller, rooms=ROOMS)) == {"Keynote": "encoder1", "Panel": "encoder2", "Hands on": None}


def test_encoders_are_taken_from_the_fact_cache(simulator: Simulator, controller: Controller) -> None:
    controller.environment |= {
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(controller.home / "facts"),
    }
    provision(controller)
    assert encoders(exported(controller)) == {"Keynote": "encoder1", "Panel": "encoder2", "Hands on": None}


def test_a_session_without_an_encoder_is_named_and_marked(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    run = play(controller, "export", "-e", "export_file=exported.yml")
    assert "WARNING: No encoder is known for Main stage/Keynote, Main stage/Panel, Workshop/Hands on." in run.output
    assert (controller.home / "exported.yml").read_text().count("# No encoder is known for it") == 3
    run = play(controller, "export", "-e", "export_file=exported.yml", "-e", "export_force=yes", rooms=ROOMS)
    assert "WARNING: No encoder is known for Workshop/Hands on." in run.output
    assert (controller.home / "exported.yml").read_text().count("# No encoder is known for it") == 1


def test_an_exported_event_with_its_encoders_changes_nothing(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    event = exported(controller, rooms=ROOMS)
    run = assert_nothing_to_change(controller, simulator)
    assert encoders({"event_rooms": [{"sessions": run.result(EVENT)["sessions"]}]}) == encoders(event)


@pytest.mark.seed(rooms=[{"title": "Main stage", "host": "host"}])
def test_encoders_of_rooms_of_one_title_are_not_mixed_up(simulator: Simulator, controller: Controller) -> None:
    first = next(iter(simulator.service.rooms.values()))
    other = simulator.service.create_room(first.host, {"title": "Main stage"})
    rooms = [
        {"room_id": room.id, "sessions": [{"title": "Keynote", "preset_id": PRESET, "encoder": encoder}]}
        for room, encoder in ((first, "encoder1"), (other, "encoder2"))
    ]
    provision(controller, rooms)
    found = {
        room["room_id"]: room["sessions"][0]["encoder"] for room in exported(controller, rooms=rooms)["event_rooms"]
    }
    assert found == {first.id: "encoder1", other.id: "encoder2"}


@pytest.mark.parametrize(("force", "kept"), [("no", True), ("0", True), ("", True), ("1", False)])
def test_text_for_a_truth_value_is_one(simulator: Simulator, controller: Controller, force: str, kept: bool) -> None:
    controller.home.mkdir(parents=True)
    (controller.home / "event.yml").write_text("mine: true\n")
    run = play(controller, "export", "-e", f"export_force={force}", "-e", "export_file=")
    assert (run.returncode != 0) == kept, run.output


def encoders(event: dict[str, Any]) -> dict[str, str | None]:
    return {one["title"]: one.get("encoder") for room in event["event_rooms"] for one in room["sessions"]}


def test_an_existing_file_is_kept_unless_forced(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    mine = controller.home / "event.yml"
    mine.write_text("mine: true\n")
    calls = len(simulator.journal)
    run = play(controller, "export")
    assert run.returncode != 0
    assert f"{mine.resolve()} exists and is kept" in run.output
    assert "export_force=true" in run.output
    assert mine.read_text() == "mine: true\n"
    assert len(simulator.journal) == calls
    for changed in (1, 0):
        run = play(controller, "export", "-e", "export_force=true")
        assert run.recap()["changed"] == changed, run.output
    assert yaml.safe_load(mine.read_text())["event_rooms"]


def test_a_link_to_nowhere_is_followed_to_its_end(simulator: Simulator, controller: Controller) -> None:
    controller.home.mkdir(parents=True)
    (controller.home / "event.yml").symlink_to("elsewhere.yml")
    run = play(controller, "export")
    assert run.returncode == 0, run.output
    assert (controller.home / "elsewhere.yml").is_file()


def test_check_mode_writes_nothing(simulator: Simulator, controller: Controller) -> None:
    provision(controller, ROOMS)
    run = play(controller, "export", "--check", "-e", "export_file=exported.yml")
    assert run.returncode == 0, run.output
    assert not (controller.home / "exported.yml").exists()


def test_an_account_without_rooms_gives_an_event_without_rooms(simulator: Simulator, controller: Controller) -> None:
    assert exported(controller) == {"event_rooms": []}
    assert_nothing_to_change(controller, simulator)


def test_no_secret_is_written_or_shown(simulator: Simulator, controller: Controller) -> None:
    provision(controller)
    run = play(controller, "export", "-vvv", "--diff", "-e", "export_file=exported.yml")
    assert run.returncode == 0, run.output
    file: Path = controller.home / "exported.yml"
    assert_no_secret(run.output + str(run.records) + file.read_text(), simulator)
    assert file.stat().st_mode & 0o777 == 0o644
