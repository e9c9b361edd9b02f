# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._playbooks.event_file import (
    encoders_of,
    exported_event,
)
from hypothesis import given
from hypothesis import strategies as st

from .service_results import many, room, session


class EventLoader(yaml.SafeLoader):
    """Reads YAML as Ansible does where text is marked as no template."""


EventLoader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))  # type: ignore[arg-type]


EXPORTED = """---
# What the webinar service had. Apply it with: ansible-playbook tenbyte.webinar.provision -e @FILE
event_rooms:
  - title: "Main stage"
    description: "Plenary"
    analytics:
      google_tag_manager:
        container_id: "GTM-1"
        enabled: true
    sessions:
      - title: "Earlier"
        # No encoder is known for it: add `encoder: HOST` if it is sent from here.
        preset_id: "p1"
        mode: "rtmp"
        scheduled_start_time: "2027-05-04T08:00:00Z"
        settings:
          chat_enabled: false
      - title: "later"
        preset_id: "p1"
        mode: "rtmp"
        scheduled_start_time: "2027-05-04T09:00:00Z"
        encoder: "enc1"
      - title: "At some time"
        # No encoder is known for it: add `encoder: HOST` if it is sent from here.
        preset_id: "p1"
        mode: "rtmp"
  - title: "Empty"
    sessions: []
"""


def read(text: str) -> dict[str, Any]:
    event: dict[str, Any] = EventLoader(text).get_single_data()
    return event


def test_the_file_has_what_the_service_has() -> None:
    manager = {"google_tag_manager": {"container_id": "GTM-1", "enabled": True, "more": 1}}
    rooms = [room(1, "Main stage", description="Plenary", analytics=manager), room(2, "Empty")]
    sessions = [
        session(1, "later", scheduled_start_time="2027-05-04T09:00:00Z"),
        session(2, "At some time"),
        session(3, "Earlier", scheduled_start_time="2027-05-04T08:00:00Z", settings={"chat_enabled": False}),
    ]
    found = exported_event(rooms, sessions, [], {sessions[0]["id"]: {"id": sessions[0]["id"], "encoder": "enc1"}})
    assert found["text"] == EXPORTED
    assert found["without"] == "Main stage/At some time, Main stage/Earlier"


def test_an_account_without_rooms_is_an_event_without_rooms() -> None:
    assert read(exported_event([], [], [], {})["text"]) == {"event_rooms": []}


def test_a_session_whose_key_is_not_kept_is_to_stay_as_it_is() -> None:
    event = exported_event([room()], [session(stream_key_available=False)], [], {})
    assert read(event["text"])["event_on_missing_key"] == "ignore"
    assert event["text"].count("# Its stream key is not in the ledger.") == 1


def test_rooms_of_one_title_are_named_by_their_ids() -> None:
    event = read(exported_event([room(1), room(2), room(3, None)], [], [], {})["text"])
    assert [one.get("room_id") for one in event["event_rooms"]] == ["r1", "r2", "r3"]
    assert not any("title" in one for one in event["event_rooms"])


@pytest.mark.parametrize(("kept", "chosen"), [((False, True, True), 1), ((False, False, False), 0)])
def test_of_sessions_of_one_title_one_whose_key_is_kept_is_named(kept: tuple[bool, ...], chosen: int) -> None:
    sessions = [session(number, stream_key_available=one) for number, one in enumerate(kept)]
    text = exported_event([room()], sessions, [], {})["text"]
    (named,) = read(text)["event_rooms"][0]["sessions"]
    assert named["session_id"] == sessions[chosen]["id"]
    assert all(one["id"] in text for one in sessions)


@given(st.text())
def test_text_of_any_kind_is_read_as_it_is_and_never_a_template(text: str) -> None:
    written = exported_event([room(1, text, description=text)], [], [], {})["text"]
    assert read(written)["event_rooms"] == [{"title": text, "sessions": []} | ({"description": text} if text else {})]
    for line in written.splitlines():
        assert "!unsafe" in line or not any(mark in line for mark in ("{{", "{%", "{#"))


def test_encoders_are_those_of_the_event_file_then_of_the_facts() -> None:
    sessions = [session(1, "One"), session(2, "Two"), session(3, "Three"), session(4, "One", 2)]
    facts = {one["title"]: {"id": one["id"], "encoder": "by fact"} for one in sessions[:2]}
    event_rooms = [
        {"title": "Main stage", "sessions": [{"title": "One", "encoder": " by file "}]},
        {"room_id": "R2", "sessions": [{"title": "One", "encoder": "by id"}, "malformed"]},
        None,
        {"title": "Main stage", "sessions": None},
    ]
    found = encoders_of([room(1), room(2, "Other")], sessions, event_rooms, facts)
    assert found == {sessions[0]["id"]: "by file", sessions[1]["id"]: "by fact", sessions[3]["id"]: "by id"}


def test_the_warning_names_the_first_sessions_and_counts_the_others() -> None:
    sessions = [session(number, f"Talk {number:02}") for number in range(25)]
    without = exported_event([room()], sessions, [], {})["without"]
    assert without.startswith("Main stage/Talk 00, Main stage/Talk 01, ")
    assert without.endswith("Main stage/Talk 09 and 15 more")


def test_the_time_grows_with_the_sessions_and_not_with_their_square() -> None:
    rooms, sessions = many(10_000)
    wishes = [{"title": one["title"], "sessions": [{"title": f"Talk {n}"}]} for n, one in enumerate(rooms)]
    began = time.process_time()
    exported_event(rooms, sessions, wishes, {})
    # A hundred million comparisons would take longer.
    assert time.process_time() - began < 5
