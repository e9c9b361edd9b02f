# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The items of a loop share what one of them has opened and read. None creates because of an earlier item's list."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    Room,
    RoomSpec,
    SessionSpec,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import location
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings, database_file
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Ledger, Slot, open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.ledger_maintenance import LedgerMaintenance
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile import reuse
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.ensure import Outcome, ensure
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.reuse import RECENT, RecentRooms, Reuse
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection

from ..scripted_server import refusal
from ..small_service import SmallService

PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"
LIST = ("GET", "/rooms/my")


class Loop:
    """A task's items, one after the other."""

    def __init__(self, service: SmallService, settings: LedgerSettings, api_key: str) -> None:
        self.service, self.settings, self.reuse = service, settings, Reuse()
        self.connection = Connection(service.url, api_key=api_key, timeout=5.0, retries=0, concurrency=4)

    def item(self, room: str, title: str = "Keynote", room_id: str | None = None) -> Outcome:
        asked = self.asked(room, title, room_id)
        return ensure(self.connection, self.settings, asked, self.reuse.redactor, check_mode=False, reuse=self.reuse)

    def preview_alone(self, room: str, title: str = "Keynote", room_id: str | None = None) -> Outcome:
        """Return what a run of this item alone would do."""
        return ensure(self.connection, self.settings, self.asked(room, title, room_id), Redactor(), check_mode=True)

    def asked(self, room: str, title: str, room_id: str | None) -> EventSpec:
        named = RoomSpec(room_id=room_id) if room_id else RoomSpec(title=room)
        return EventSpec((replace(named, sessions=(SessionSpec(title, preset_id=PRESET),)),))


@pytest.fixture
def theirs(loop: Loop) -> Iterator[Ledger]:
    """Return the ledger, as another run has opened it."""
    ledger = open_ledger(loop.settings, Redactor(), new_owner())
    assert ledger is not None
    yield ledger
    ledger.close()


@pytest.fixture
def loop(service: SmallService, ledger_settings: LedgerSettings, api_key: str) -> Iterator[Loop]:
    items = Loop(service, ledger_settings, api_key)
    yield items
    items.reuse.close()


def test_the_rooms_are_listed_once_for_all_items_whose_rooms_exist(loop: Loop) -> None:
    for room in ("Main stage", "Workshop", "Lounge"):
        loop.service.add_room(room)
    for room in ("Main stage", "Workshop", "Lounge"):
        assert loop.item(room).applied.sessions[0].error is None
    assert loop.service.journal.count(LIST) == 1
    assert loop.service.count("POST") == 3


def test_the_list_is_read_again_before_a_room_is_created(loop: Loop) -> None:
    loop.service.add_room("Main stage")
    loop.item("Main stage")
    theirs = loop.service.add_room("Workshop")
    (done,) = loop.item("Workshop").applied.rooms
    assert done.room is not None
    assert done.room.id == theirs
    assert [path for method, path in loop.service.journal if method == "POST"].count("/rooms") == 0


def test_a_room_that_an_item_has_created_is_known_to_the_next_one(loop: Loop) -> None:
    titles = ["Keynote", "Panel", "Closing"]
    assert all(loop.item("Main stage", title).applied.rooms[0].error is None for title in titles)
    assert loop.service.journal.count(LIST) == 1
    assert loop.service.count("POST") == 1 + len(titles)
    # The list of rooms, and for each later item that of the room's sessions, once.
    assert loop.service.count("GET") == len(titles)


HOST = "host-1"


def _claimed(loop: Loop, ledger: Ledger, title: str) -> Claim:
    claim = ledger.claim(Slot(loop.service.url, "room", HOST, title), (), 60.0)
    assert isinstance(claim, Claim)
    return claim


def test_a_room_that_another_run_has_recorded_since_the_item_before_is_used(loop: Loop, theirs: Ledger) -> None:
    loop.service.host_id = HOST
    for title in ("Main stage", "Workshop", "Workshop "):
        recorded = loop.service.add_room(title)
    loop.item("Main stage")
    theirs.keep(_claimed(loop, theirs, "Workshop"), "created", recorded, None)
    (done,) = loop.item("Workshop").applied.rooms
    assert done.room is not None
    assert done.room.id == recorded


def test_what_could_not_be_told_apart_in_the_item_before_is_looked_at_again(loop: Loop, theirs: Ledger) -> None:
    loop.service.host_id = HOST
    loop.service.add_room("Main stage")
    recorded, _namesake = loop.service.add_room("Workshop"), loop.service.add_room("Workshop")
    claim = _claimed(loop, theirs, "Workshop")
    loop.item("Main stage")
    theirs.keep(claim, "created", recorded, None)
    (done,) = loop.item("Workshop").applied.rooms
    assert done.room is not None
    assert done.room.id == recorded


@pytest.mark.parametrize("title", ["Main \x00 stage", "Main \ud800 stage", "M" * 5000, "100 %", "x' OR '1'='1"])
def test_a_room_may_have_any_title_in_the_service(loop: Loop, title: str) -> None:
    loop.service.add_room("Workshop")
    room_id = loop.service.add_room(title)
    loop.item("Workshop")
    for _item in range(2):
        (done,) = loop.item("", room_id=room_id).applied.sessions
        assert done.error is None
    assert loop.service.journal.count(LIST) == 1


def test_a_room_that_is_recorded_in_a_new_spelling_is_seen_by_the_next_item(loop: Loop, theirs: Ledger) -> None:
    loop.service.host_id = HOST
    for title in ("Main stage", "Workshop", "Workshop, day 2"):
        recorded = loop.service.add_room(title)
    loop.item("Main stage")
    loop.item("Workshop")
    # Another run has it under this title, and somebody has renamed it.
    theirs.keep(_claimed(loop, theirs, "Workshop\u200b"), "created", recorded, None)
    with pytest.raises(InvalidInput, match="is titled 'Workshop, day 2' by now"):
        loop.item("Workshop")


def test_what_is_open_is_closed_though_the_user_does_not_wait_for_the_threads(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.item("Main stage")
    opened, closed = loop.reuse._open, list[str]()
    assert opened is not None
    assert opened.ledger is not None

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(opened.pool, "shutdown", interrupted)
    monkeypatch.setattr(opened.api, "close", lambda: closed.append("connections"))
    monkeypatch.setattr(opened.ledger, "close", lambda: closed.append("ledger"))
    with pytest.raises(KeyboardInterrupt):
        loop.reuse.close()
    assert closed == ["connections", "ledger"]


@pytest.mark.parametrize("title", ["Workshop", "Workshop\u200b", " Workshop"])
def test_an_item_finds_the_room_that_a_run_of_its_own_would_find(loop: Loop, theirs: Ledger, title: str) -> None:
    loop.service.host_id = HOST
    loop.service.add_room("Main stage")
    rooms = [loop.service.add_room(one) for one in ("Workshop", "Workshop ", "Workshop")]
    theirs.keep(_claimed(loop, theirs, "Workshop\u200b"), "created", rooms[0], None)
    theirs.keep(_claimed(loop, theirs, "Lounge"), "created", loop.service.add_room("Lounge"), None)
    loop.item("Main stage")
    theirs.keep(_claimed(loop, theirs, "Workshop"), "created", rooms[1], None)
    alone = Loop(loop.service, loop.settings, loop.connection.api_key or "")
    expected = alone.item(title)
    alone.reuse.close()
    (wanted,), (done,) = expected.applied.rooms, loop.item(title).applied.rooms
    assert done.room is not None
    assert (done.room, done.error) == (wanted.room, wanted.error)


@pytest.mark.parametrize("host", [None, HOST])
@pytest.mark.parametrize("account", ["credential fp-of-an-earlier-key", ""])
def test_the_rows_of_a_room_that_has_appeared_in_the_list_are_read(
    loop: Loop, theirs: Ledger, host: str | None, account: str
) -> None:
    loop.service.host_id = host
    loop.service.add_room("Main stage")
    recorded = loop.service.add_room("Workshop")
    claim = theirs.claim(Slot(loop.service.url, "room", account, "Workshop"), (), 60.0)
    assert isinstance(claim, Claim)
    theirs.keep(claim, "created", recorded, None)
    loop.service.rooms[recorded]["title"] = "Studio"
    loop.service.hidden_rooms.add(recorded)
    for title in ("Lounge", "Main stage"):
        loop.item(title)
    loop.service.hidden_rooms.clear()
    (done,) = loop.item("Workshop").applied.rooms
    assert done.room is not None
    assert done.room.id == recorded


SPELLINGS = ["Main stage", "Workshop", "Workshop ", "Workshop\u200b", "Lounge"]


def _steps_or_refusal(run: Callable[..., Outcome], wanted: tuple[str, str, str | None]) -> list[object]:
    try:
        outcome = run(*wanted)
    except InvalidInput as error:
        return [str(error)]
    rooms = [(one.room.id if one.room else None, one.refusal) for one in outcome.plan.rooms]
    return [rooms, [(step.action, step.path) for step in outcome.plan.steps()]]


def _something_else_happens(loop: Loop, theirs: Ledger, rng: random.Random) -> None:
    """Let another run or a colleague do something with a room. Not each of it is possible."""
    title, rooms = rng.choice(SPELLINGS), list(loop.service.rooms)
    what = rng.choice(["added", "renamed", "recorded", "recorded", "recorded", "run", "hidden", "shown"])
    if what == "added" or not rooms:
        loop.service.add_room(title)
    elif what == "renamed":
        loop.service.rooms[rng.choice(rooms)]["title"] = title
    elif what == "hidden":
        loop.service.hidden_rooms.add(rng.choice(rooms))
    elif what == "shown":
        loop.service.hidden_rooms.clear()
    elif what == "recorded":
        claim = theirs.claim(Slot(loop.service.url, "room", rng.choice([HOST, "another host"]), title), (), 60.0)
        if isinstance(claim, Claim):
            theirs.keep(claim, "created", rng.choice(rooms), None)
    else:
        other = Loop(loop.service, loop.settings, loop.connection.api_key or "")
        with suppress(InvalidInput):
            other.item(title)
        other.reuse.close()


@pytest.mark.parametrize("seed", range(6))
def test_what_earlier_items_know_of_the_ledger_changes_no_plan(loop: Loop, theirs: Ledger, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    loop.service.host_id = HOST if seed % 4 else None
    for _item in range(20):
        for _time in range(rng.randrange(3)):
            _something_else_happens(loop, theirs, rng)
        room_id = rng.choice([None, None, *loop.service.rooms])
        wanted = rng.choice(SPELLINGS), rng.choice(["Keynote", "Panel"]), room_id
        if loop.reuse._open is not None:
            # A list that is used again may lack what has happened to the rooms.
            loop.reuse._open.rooms._until = 0.0
        expected = _steps_or_refusal(loop.preview_alone, wanted)
        assert _steps_or_refusal(loop.item, wanted) == expected


def test_an_item_reads_the_rows_of_its_own_room_and_not_of_all(loop: Loop) -> None:
    titles = [f"Room {number}" for number in range(5)]
    for title in titles:
        loop.item(title)
    read = [loop.item(title).plan.world.rows.by_id for title in titles]
    assert [sum(row.slot.kind == "room" for row in rows.values()) for rows in read] == [1] * 5
    assert [sum(row.slot.kind == "session" for row in rows.values()) for rows in read] == [1] * 5


def test_an_item_that_creates_its_room_reads_no_rows_of_other_rooms(loop: Loop) -> None:
    loop.service.host_id = HOST
    loop.service.add_room("Main stage")
    loop.item("Main stage")
    assert [len(loop.item(f"Room {number}").plan.world.rows.by_id) for number in range(3)] == [0, 0, 0]


def test_the_rows_of_all_rooms_are_read_again_after_a_time(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    loop.service.host_id = HOST
    loop.item("Main stage")
    loop.item("Workshop")
    opened = loop.reuse._open
    assert opened is not None
    monkeypatch.setattr(opened.rooms, "_clock", lambda: now + RECENT + 5)
    assert len([row for row in loop.item("Lounge").plan.world.rows.by_id.values() if row.slot.kind == "room"]) == 2


def test_a_room_that_another_run_has_created_since_the_item_before_can_be_named_by_its_id(loop: Loop) -> None:
    loop.service.add_room("Main stage")
    loop.item("Main stage")
    other = Loop(loop.service, loop.settings, loop.connection.api_key or "")
    (made,) = other.item("Workshop").applied.rooms
    other.reuse.close()
    assert made.room is not None
    (done,) = loop.item("", "Panel", room_id=made.room.id).applied.sessions
    assert done.error is None


def test_a_room_that_is_gone_meanwhile_is_created_anew(loop: Loop) -> None:
    first = loop.service.add_room("Main stage")
    loop.item("Main stage")
    del loop.service.rooms[first]
    loop.service.on_request = lambda request: refusal(404) if first in request.path else None
    (done,) = loop.item("Main stage").applied.rooms
    assert done.error is None
    assert done.room is not None
    assert done.room.id in loop.service.rooms


def test_after_an_error_everything_is_opened_anew(loop: Loop) -> None:
    loop.service.add_room("Main stage")
    loop.item("Main stage")
    with pytest.raises(InvalidInput):
        loop.item("", room_id="7")
    assert loop.item("Main stage").applied.sessions[0].error is None
    assert loop.service.journal.count(LIST) == 2


def test_the_warnings_of_an_opened_ledger_are_told_once(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(location, "container_warning", lambda _settings: "the ledger is in a container")
    assert loop.item("Main stage").notes == ("the ledger is in a container",)
    assert loop.item("Main stage", "Panel").notes == ()


def test_other_settings_get_a_ledger_of_their_own(loop: Loop, tmp_path: object) -> None:
    loop.service.add_room("Main stage")
    loop.item("Main stage")
    loop.settings = LedgerSettings(f"sqlite:///{tmp_path}/other.sqlite3", key=loop.settings.key)
    (done,) = loop.item("Main stage").applied.sessions
    assert "ledger does not hold its stream key" in (done.error or "")


def test_a_key_that_is_changed_between_two_items_is_used_from_then_on(loop: Loop) -> None:
    loop.service.add_room("Main stage")
    loop.item("Main stage")
    LedgerMaintenance(loop.settings, Redactor(), False).rotate_key()
    (done,) = loop.item("Main stage").applied.sessions
    assert (done.error, done.key is not None) == (None, True)
    (new,) = loop.item("Main stage", "Panel").applied.sessions
    assert new.error is None


def test_between_two_items_the_ledgers_file_holds_everything(loop: Loop) -> None:
    loop.item("Main stage")
    file = database_file(loop.settings)
    assert {one.name for one in file.parent.iterdir()} == {file.name, f"{file.name}.key"}
    loop.item("Main stage", "Panel")
    assert {one.name for one in file.parent.iterdir()} == {file.name, f"{file.name}.key"}


def test_a_list_that_is_used_again_does_not_become_newer(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse, "RECENT", 0.3)
    loop.service.add_room("Main stage")
    give_up = time.monotonic() + 1.0
    while time.monotonic() < give_up:
        loop.item("Main stage")
    assert loop.service.journal.count(LIST) >= 3


def asked(*titles: str) -> EventSpec:
    return EventSpec(tuple(RoomSpec(title=title) for title in titles))


def test_a_list_is_recent_for_a_time_and_only_if_all_asked_rooms_are_in_it() -> None:
    now = 100.0
    recent = RecentRooms(lambda: now)
    assert recent.having(asked("Main stage")) is None
    rooms = (Room("r1", "Main stage"), Room("r2", "Workshop"))
    recent.keep(rooms)
    assert recent.having(asked("Main stage ", "Workshop")) == rooms
    assert recent.having(asked("Main stage", "Lounge")) is None
    recent.add(Room("r3", "Lounge"))
    assert recent.having(asked("Lounge")) == (*rooms, Room("r3", "Lounge"))
    now += RECENT
    assert recent.having(asked("Main stage")) is None


def test_a_forgotten_list_is_not_recent() -> None:
    recent = RecentRooms()
    recent.keep((Room("r1", "Main stage"),))
    recent.forget()
    assert recent.having(asked("Main stage")) is None
