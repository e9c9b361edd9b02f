# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What fills a slot: the ledger's id first, then the title; never a session or room of another account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    Room,
    RoomSpec,
    Session,
    SessionSpec,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Ledger, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.account import UNKNOWN, Account, account_of
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.identity import (
    Filling,
    RoomFilling,
    room_in_slot,
    session_in_slot,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.indexes import KnownRows, Titled, known_rows
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.api import WebinarApi
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection, Transport
from hypothesis import given
from hypothesis import strategies as st

from ..engine_run import KEYNOTE, Run, event
from ..scripted_server import Request
from ..worlds import ACCOUNT, API, ASKED, PRESENT, ROOM, kept, kept_room

SLOT = Slot(API, "session", ROOM.id, "Keynote")
ROOM_SLOT = Slot(API, "room", ACCOUNT.name, "Main stage")
OTHER = replace(PRESENT, id="s2")
UNTITLED = replace(PRESENT, title="KEYNOTE (renamed)")


def rows(*found: object) -> KnownRows:
    return known_rows(found, ACCOUNT, {ROOM.id})  # type: ignore[arg-type]


def filling_of(spec: SessionSpec, listed: Sequence[Session], known: KnownRows) -> Filling:
    return session_in_slot(spec, SLOT, Titled(listed, known), known)


def room_filling_of(listed: Sequence[Room], known: KnownRows) -> RoomFilling:
    return room_in_slot("Main stage", ROOM_SLOT, Titled(listed, known), known)


@pytest.mark.parametrize(
    ("listed", "known", "expected"),
    [
        pytest.param((PRESENT,), (), "s1", id="the only one of the title"),
        pytest.param((PRESENT, OTHER), (kept(OTHER),), "s2", id="the ledger's before the title's"),
        pytest.param((UNTITLED,), (kept(PRESENT),), "s1", id="the ledger's, whatever its title is by now"),
        pytest.param((OTHER,), (kept(PRESENT),), "s2", id="the title's, since the ledger's is gone"),
        pytest.param((replace(PRESENT, status="ended"), OTHER), (kept(PRESENT),), "s2", id="the ledger's is past"),
        pytest.param((), (kept(PRESENT),), None, id="nothing"),
        pytest.param(
            (replace(PRESENT, title="Keynote "), replace(OTHER, title=" Keynote")),
            (),
            None,
            id="two that look the same",
        ),
        pytest.param((replace(PRESENT, title="Keynote "), OTHER), (), "s2", id="the one that bears it to the letter"),
        pytest.param(
            (PRESENT,),
            (replace(kept(PRESENT), phase="replaced"),),
            "s1",
            id="what was to be replaced, for want of another",
        ),
    ],
)
def test_a_slot_is_filled_by_the_ledgers_id_else_by_the_title(
    listed: tuple[Session, ...], known: tuple[object, ...], expected: str | None
) -> None:
    filling = filling_of(ASKED, listed, rows(*known))
    assert (filling.session and filling.session.id) == expected


@given(st.permutations(["s1", "s2", "s3"]), st.sampled_from(["s1", "s2", "s3"]))
def test_the_order_of_a_list_does_not_matter(order: list[str], ours: str) -> None:
    listed = [replace(PRESENT, id=one) for one in order]
    filling = filling_of(ASKED, listed, rows(kept(replace(PRESENT, id=ours))))
    assert (filling.session and filling.session.id) == ours
    ambiguous = filling_of(ASKED, listed, rows())
    assert ambiguous.session is None
    assert all(one in (ambiguous.refusal or "") for one in order)


def test_a_session_named_by_its_id_fills_the_slot_with_its_own_row() -> None:
    beside = replace(kept(OTHER, row_id=2), phase="beside")
    filling = filling_of(replace(ASKED, session_id="s2"), (PRESENT, OTHER), rows(kept(PRESENT), beside))
    assert (filling.session, filling.row) == (OTHER, beside)


def test_a_session_named_by_its_id_may_have_the_title_of_its_row() -> None:
    spec = replace(ASKED, session_id="s1")
    assert filling_of(spec, (UNTITLED,), rows(kept(PRESENT))).session == UNTITLED
    assert "cannot change a title" in (filling_of(spec, (UNTITLED,), rows()).refusal or "")


HALL = replace(ROOM, title="Great hall")


def test_a_room_is_found_by_the_ledgers_id_whatever_its_current_title() -> None:
    filling = room_filling_of([HALL], rows(kept_room(ROOM)))
    assert (filling.room, filling.refusal) == (HALL, None)
    assert "Great hall" in filling.notes[0]


def test_a_renamed_room_and_a_new_one_of_its_title_are_refused_by_their_ids() -> None:
    filling = room_filling_of([HALL, replace(ROOM, id="r2")], rows(kept_room(ROOM)))
    assert filling.room is None
    assert "r1" in (filling.refusal or "")
    assert "r2" in (filling.refusal or "")


@pytest.mark.parametrize("owner", ["host-2", "credential fp-2", "subject them"])
def test_a_room_row_of_another_account_is_not_ours(owner: str) -> None:
    row = kept_room(replace(ROOM, id="r9"), account=owner)
    found = rows(row)
    assert (found.held, found.by_id, found.unassigned) == ({}, {}, ())


def test_a_row_without_an_account_is_ours_if_its_room_is() -> None:
    mine, theirs = kept_room(ROOM, account=UNKNOWN), replace(kept_room(ROOM, account=UNKNOWN), id=2, object_id="r9")
    found = rows(mine, theirs)
    assert [row.id for row in found.unassigned] == [mine.id]
    assert [row.object_id for row in found.held.values()] == ["r1"]


def test_a_row_of_a_credential_becomes_the_hosts_once_the_host_is_known() -> None:
    row = replace(kept_room(ROOM, account="credential fp-1"), object_id="r7")
    account = Account("host-1", "host-1", ("credential fp-1",))
    found = known_rows([row], account, set())
    assert [one.slot.parent for one in found.unassigned] == ["host-1"]


def connection(key: str) -> Connection:
    return Connection(API, api_key=key)


def test_an_account_is_the_host_of_its_rooms_else_comes_from_the_credential() -> None:
    def fingerprint(secret: str) -> str:
        return f"fp-of-{len(secret)}"

    mine = account_of(connection("unit-key"), [Room("r1", "x", "HOST-1"), Room("r2", "y", "host-1")], fingerprint)
    assert (mine.name, mine.host_id, mine.other_names) == ("host-1", "host-1", ("credential fp-of-8",))
    for rooms in ([], [Room("r1", "x")], [Room("r1", "x", "host-1"), Room("r2", "y", "host-2")]):
        unknown = account_of(connection("unit-key"), rooms, fingerprint)
        assert (unknown.name, unknown.host_id) == ("credential fp-of-8", None)


ConnectTo = Callable[..., Transport]


@pytest.mark.parametrize("hosts", [("host-1", "host-2"), (None, None)])
def test_two_accounts_that_share_a_ledger_do_not_affect_each_other(
    run: Run, connect: ConnectTo, open_run: Callable[..., Ledger], hosts: tuple[str | None, str | None]
) -> None:
    service = run.service
    other_key = "unit-api-other-account"
    owners: dict[str, str] = {}

    def on_request(request: Request) -> None:
        """Each account lists only its own rooms. It can read those of the other by their ids."""
        mine = "other" if request.headers.get("X-API-Key") == other_key else "one"
        service.host_id = hosts[mine == "other"]
        for room_id in service.rooms:
            owners.setdefault(room_id, previous[-1])
        previous.append(mine)
        service.hidden_rooms = {room_id for room_id, owner in owners.items() if owner != mine}

    previous = ["one"]
    service.on_request = on_request
    (first,) = run.apply(event(KEYNOTE)).sessions
    theirs = Run(service, WebinarApi(connect(service.url, api_key=other_key)), open_run())
    (second,) = theirs.apply(event(KEYNOTE)).sessions
    assert second.changed
    assert first.session is not None
    assert second.session is not None
    assert first.session.id != second.session.id
    assert first.fingerprint != second.fingerprint
    for one in (run, theirs):
        service.journal.clear()
        assert not one.apply(event(KEYNOTE)).sessions[0].changed
        assert one.writes() == []
    assert first.room_id is not None
    asked = EventSpec((RoomSpec(room_id=first.room_id, sessions=(KEYNOTE,)),))
    with pytest.raises(InvalidInput, match="not one of the rooms of this account"):
        theirs.apply(asked)
    assert theirs.writes() == []


def test_a_session_with_another_title_in_the_service_is_reported_until_the_ledger_knows_that_title(run: Run) -> None:
    run.apply(event(KEYNOTE))
    (session_id,) = run.service.sessions
    run.service.sessions[session_id]["title"] = "Opening"
    plan = run.plan(event(KEYNOTE))
    assert list(plan.steps()) == []
    assert not plan.rooms[0].sessions[0].is_idle
    (done,) = run.apply_plan(plan).sessions
    (note,) = done.notes
    assert f"the session {session_id}, which the ledger has for 'Keynote', is titled 'Opening'" in note
    assert (done.changed, done.session and done.session.id) == (False, session_id)
    assert run.plan(event(KEYNOTE)).rooms[0].sessions[0].is_idle
    (done,) = run.apply(event(KEYNOTE)).sessions
    assert done.notes == ()
    run.service.sessions[session_id]["title"] = "Closing"
    (done,) = run.apply(event(KEYNOTE)).sessions
    assert "'Closing'" in done.notes[0]
