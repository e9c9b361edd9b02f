# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which streams are removed from a host, and why."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.filter.streams_to_remove import streams_to_remove
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_streams import stream_name, streams_of_host
from hypothesis import given
from hypothesis import strategies as st

HOSTS = ["enc1", "enc2"]
ROOM, OTHER_ROOM = "11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"


def session(title: str, encoder: str | None = "enc1", room_id: str = ROOM, **more: Any) -> dict[str, Any]:
    known = {"id": f"id of {title}", "room_id": room_id, "room": "Hall", "title": title, "status": "scheduled"}
    return {**known, "encoder": encoder, "rtmp_url": "rtmp://ingest.example/live", **more}


def event(*sessions: dict[str, Any], rooms: tuple[str, ...] = (ROOM,), gone: Any = ()) -> dict[str, Any]:
    named = ({f"Hall/{one['title']}": one for one in several} for several in (sessions, gone))
    return {**dict(zip(("sessions", "gone"), named, strict=True)), "rooms": dict.fromkeys(rooms, "Hall")}


def on_host(title: str, *, recorded: bool = True, **more: Any) -> dict[str, Any]:
    name = {"name": stream_name(f"Hall/{title}")}
    if not recorded:
        return name
    known = {"label": f"Hall/{title}", "room_id": ROOM, "room": "Hall", "title": title, "session_id": f"id of {title}"}
    return {**name, **known, "by_list": False, "scope": "", **more}


def decide(there: list[dict[str, Any]], known: dict[str, Any], **options: Any) -> dict[str, list[str]]:
    """Decide as the roles do: the wanted streams are those of the event, unless there is a list."""
    wanted = options.pop("wanted", None)
    if wanted is None:
        fields = ("label", "room_id", "room", "title", "session_id")
        wanted = streams_of_host(known["sessions"], "enc1", check_mode=False, fields=fields)
        wanted = [{**one, "name": stream_name(one["label"])} for one in wanted]
    return streams_to_remove(there, known, wanted=wanted, host="enc1", hosts=HOSTS, **options)


TALK = stream_name("Hall/Talk")


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize(
    ("known", "goes"),
    [
        (event(session("Talk")), False),
        (event(session("Talk", None)), False),
        (event(session("Talk", "enc2")), True),
        (event(session("Talk", "a mixer of somebody's"), session("Break")), True),
        (event(session("Talk", status="ended")), True),
        (event(gone=[session("Talk")]), True),
        # A new session without an encoder keeps the stream, whatever happened to the old session.
        (event(session("Talk", None), gone=[session("Talk")]), False),
        (event(session("Talk", "enc2", OTHER_ROOM, id="another"), rooms=(OTHER_ROOM,)), None),
        (event(rooms=()), False),
        (event(rooms=(OTHER_ROOM,)), False),
    ],
)
def test_a_stream_is_removed_only_if_this_run_says_so(known: dict[str, Any], goes: bool | None, recorded: bool) -> None:
    # A stream of which only the name is known belongs to the session of that name.
    expected = (not recorded) if goes is None else goes
    assert (TALK in decide([on_host("Talk", recorded=recorded)], known)["remove"]) is expected


def test_a_stream_that_its_room_no_longer_has_is_removed_if_the_room_was_handled_completely() -> None:
    there = [on_host("Talk"), on_host("Break")]
    assert decide(there, event(session("Break")))["remove"] == [TALK]
    assert decide(there, event(session("Break"), rooms=()))["remove"] == []
    assert decide([on_host("Talk", recorded=False), on_host("Break")], event(session("Break")))["left"] == [TALK]


def test_the_old_stream_of_a_replaced_or_renamed_session_is_removed() -> None:
    unnamed = {"name": "session-1", "label": "Hall/Talk", "session_id": "session-1"}
    again = {"name": "session-2", "label": "Hall/Talk", "room_id": ROOM, "session_id": "session-2", "title": "Talk"}
    known = event(session("Talk", id="session-2"))
    assert decide([unnamed], known, wanted=[again])["remove"] == ["session-1"]
    renamed = {"name": "talk-of-another-room", "label": f"Hall/Talk ({ROOM})", "session_id": "id of Talk"}
    assert decide([on_host("Talk")], event(session("Talk")), wanted=[renamed])["remove"] == [TALK]


def test_a_backup_is_removed_with_its_stream_and_with_its_own_session() -> None:
    pushes = [
        {**on_host("Talk"), "name": "talk.primary", "stream_session_id": "id of Talk"},
        {**on_host("Talk"), "name": "talk.backup1", "session_id": "id of Spare", "stream_session_id": "id of Talk"},
    ]
    moved = event(session("Spare", "enc1"), session("Talk", "enc2"))
    assert decide(pushes, moved, wanted=[])["remove"] == ["talk.primary", "talk.backup1"]
    wanted = [{**pushes[0]}]
    assert decide(pushes, event(session("Talk")), wanted=wanted)["remove"] == ["talk.backup1"]
    assert streams_to_remove(pushes, event(gone=[session("Spare")]))["remove"] == ["talk.backup1"]


def test_a_host_does_not_lose_its_last_streams_unless_that_was_asked_for() -> None:
    there = [on_host("Talk"), on_host("Break")]
    mistyped = event(session("Talk", "encl"), session("Break", "encl"))
    assert decide(there, mistyped)["unasked"] == [one["name"] for one in there]
    assert decide(there, event())["unasked"] == [one["name"] for one in there]
    for known in (
        event(session("Talk", "enc2"), session("Break", "enc2")),
        event(gone=[session("Talk"), session("Break")]),
        event(session("Talk", "enc1"), session("Break", "encl")),
    ):
        assert decide(there, known)["unasked"] == []
    assert decide(there, mistyped, everything=True)["unasked"] == []
    # The stream of another event stays, so the host keeps a stream.
    assert decide([*there, on_host("Panel", room_id=OTHER_ROOM)], mistyped)["unasked"] == []


def test_a_stream_is_not_lost_to_an_encoder_that_is_no_host() -> None:
    there = [on_host("Talk"), on_host("Break")]
    lost: list[Any] = decide(there, event(session("Talk", "encl"), session("Break")))["lost"]
    assert lost == [(TALK, "encl")]
    for known in (
        event(session("Talk", "enc2"), session("Break")),
        event(session("Talk", None), session("Break")),
        event(session("Break"), gone=[session("Talk", "encl")]),
        event(session("Talk", "encl", status="ended"), session("Break")),
        # A stream that was never here.
        event(session("Panel", "encl"), session("Talk"), session("Break")),
        # Its session is not in the event any more.
        event(session("Break"), rooms=(ROOM,)),
    ):
        assert decide(there, known)["lost"] == []
    assert decide(there, event(session("Talk", "encl")), everything=True)["lost"] == []


def test_a_list_removes_only_streams_of_lists_with_its_scope_or_room() -> None:
    there = [on_host("Talk"), on_host("Break", by_list=True), on_host("Show", by_list=True, scope="mine")]
    other = [{"name": "x", "label": "Hall/x", "room": "Hall", "title": "x"}]
    elsewhere = [{**other[0], "room": "Attic"}]
    known = event(session("Talk", "enc2"))
    assert decide(there, known, wanted=other, by_list=True)["remove"] == [stream_name("Hall/Break")]
    assert decide(there, known, wanted=elsewhere, by_list=True)["remove"] == []
    assert decide(there, known, wanted=[], by_list=True)["remove"] == []
    assert decide(there, known, wanted=[], by_list=True, scope="mine")["remove"] == [stream_name("Hall/Show")]


TITLES = st.sampled_from(["Talk", "Break", "Panel"])
ROOMS = st.sampled_from([ROOM, OTHER_ROOM])
ENCODERS = st.sampled_from([None, "enc1", "enc2", "encl"])
SESSIONS = st.lists(st.builds(session, TITLES, ENCODERS, ROOMS), max_size=4)


@given(
    st.lists(st.builds(on_host, TITLES, recorded=st.booleans(), room_id=ROOMS), unique_by=lambda one: str(one["name"])),
    SESSIONS,
    SESSIONS,
    st.sets(ROOMS),
)
def test_a_stream_that_this_run_does_not_mention_stays(
    there: list[dict[str, Any]], sessions: list[dict[str, Any]], gone: list[dict[str, Any]], looked: set[str]
) -> None:
    known = event(*sessions, rooms=tuple(looked), gone=gone)
    decision = decide(there, known)
    removed = [one for one in there if one["name"] in decision["remove"]]
    said = [*known["sessions"].values(), *known["gone"].values()]
    for one in removed:
        of_this_title = [entry for entry in said if stream_name(f"Hall/{entry['title']}") == one["name"]]
        assert of_this_title or one.get("room_id") in looked
        here = [entry for entry in known["sessions"].values() if entry in of_this_title and not entry["encoder"]]
        assert all(entry["room_id"] != one.get("room_id", entry["room_id"]) for entry in here)
    wanted = {stream_name(label) for label, entry in known["sessions"].items() if entry["encoder"] == "enc1"}
    names = {one["name"] for one in there}
    assert set(decision["remove"]) | set(decision["left"]) == names - wanted
    assert set(decision["unasked"]) <= set(decision["remove"])


def test_streams_of_a_host_have_the_fields_asked_for() -> None:
    known = event(session("Talk"), session("Break", "enc2"), session("Old", status="ended"), session("New", id=None))[
        "sessions"
    ]
    fields = ("session_id", "label", "whip_url")
    assert streams_of_host(known, "enc1", check_mode=True, fields=fields) == [
        {"session_id": "id of Talk", "label": "Hall/Talk", "whip_url": None}
    ]
    assert len(streams_of_host(known, "enc1", check_mode=False, fields=fields)) == 2
    assert streams_of_host(None, "enc1", check_mode=False, fields=fields) == []
