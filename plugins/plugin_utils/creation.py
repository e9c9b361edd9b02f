# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one path by which a room or session comes into being: intent, POST, key, and what to do when the answer is lost.

The order is the promise: the intent is committed before the POST, and the key before anything else is looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from .errors import AnswerLost, CreationUnresolved, NotSent, ServiceError, WebinarError
from .ledger import Busy, Claim, Ledger, Row, Slot
from .model import Room, Session, SessionSpec, StreamKey
from .transport import CONNECT_TIMEOUT
from .webinar_api import WebinarApi

# After a lost answer the list is read at once and then after each of these pauses (seconds); what has not shown up
# after all of them, the grace time, is taken as not created.
GRACE_PAUSES = (0.5, 1.0, 2.0, 4.0)
GRACE_TIME = sum(GRACE_PAUSES)
CREATION_ATTEMPTS = 3
# A request may take its time-out, and before it the time to connect.
LEASE_MARGIN = CONNECT_TIMEOUT + 5.0
RIVAL_POLL = 0.2
LONGEST_WAIT_FOR_RIVAL = 300.0


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


Thing = TypeVar("Thing", bound=_HasId)


@dataclass(frozen=True)
class Creation:
    """What creations need beside their target. ``sleep`` is replaced in tests of the waiting."""

    api: WebinarApi
    ledger: Ledger
    timeout: float
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Made(Generic[Thing]):
    """``by_us`` is False where another run was first. ``replaced`` names sessions of ours that died without a key."""

    thing: Thing
    key: StreamKey | None
    by_us: bool
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Target(Generic[Thing]):
    """What differs between a room and a session.

    ``post`` returns the thing, None where the answer did not name it, and its key. ``candidates`` lists what may be the
    fruit of a POST whose answer was lost. ``discard`` is None where such a fruit is as good as any other.
    """

    slot: Slot
    name: str
    post: Callable[[Callable[[], None]], tuple[Thing | None, StreamKey | None]]
    fetch: Callable[[str], Thing | None]
    candidates: Callable[[], list[Thing]]
    discard: Callable[[Thing], None] | None


class _Refused(Exception):
    """The only request for the thing was refused for certain, so there is nothing to remember."""

    def __init__(self, error: WebinarError) -> None:
        super().__init__()
        self.error = error


def create_room(creation: Creation, slot: Slot, body: dict[str, str], seen_ids: frozenset[str]) -> Made[Room]:
    api = creation.api

    def post(before_each: Callable[[], None]) -> tuple[Room | None, StreamKey | None]:
        return api.create_room(body, before_each), None

    def fetch(room_id: str) -> Room | None:
        room = api.room(room_id)
        return room if room and room.title == slot.title else None

    target = _Target[Room](
        slot=slot,
        name=f"room '{slot.title}'",
        post=post,
        fetch=fetch,
        candidates=lambda: [room for room in api.my_rooms() if room.title == slot.title],
        discard=None,
    )
    return _create(creation, target, seen_ids, gone_id=None)


def create_session(
    creation: Creation,
    slot: Slot,
    spec: SessionSpec,
    body: dict[str, str],
    seen_ids: frozenset[str],
    gone_id: str | None,
) -> Made[Session]:
    """Create a session in the room ``slot.parent``.

    ``gone_id`` names the session of the slot's ledger row, if that session can no longer be used.
    """
    api, room_id = creation.api, slot.parent

    def post(before_each: Callable[[], None]) -> tuple[Session | None, StreamKey | None]:
        created = api.create_session(room_id, body, before_each)
        return created.session, created.key

    def fetch(session_id: str) -> Session | None:
        session = api.session(session_id)
        return session if session and session.is_current else None

    def candidates() -> list[Session]:
        return [
            session
            for session in api.sessions(room_id)
            if session.title == slot.title
            and session.is_current
            and (session.preset.id is None or session.preset.id.lower() == (spec.preset_id or "").lower())
        ]

    def discard(session: Session) -> None:
        if session.status != "scheduled":
            raise CreationUnresolved(
                f"the session {session.id} was created, its answer with the stream key was lost, and it is "
                f"{session.status} already. It is left as it is."
            )
        api.delete_session(session.id)

    target = _Target[Session](
        slot=slot,
        name=f"session '{slot.title}'",
        post=post,
        fetch=fetch,
        candidates=candidates,
        discard=discard,
    )
    return _create(creation, target, seen_ids, gone_id)


def _create(creation: Creation, target: _Target[Thing], seen_ids: frozenset[str], gone_id: str | None) -> Made[Thing]:
    claimed = _claim(creation, target, seen_ids, gone_id)
    if isinstance(claimed, Made):
        return claimed
    try:
        return _create_claimed(creation, target, claimed)
    except _Refused as refusal:
        creation.ledger.withdraw(claimed)
        raise refusal.error from None
    except WebinarError:
        creation.ledger.release(claimed)
        raise


def _create_claimed(creation: Creation, target: _Target[Thing], claim: Claim) -> Made[Thing]:
    replaced: list[str] = []
    if claim.inherited:
        found = _settle(creation, target, claim, replaced, wait=claim.age < GRACE_TIME)
        if found:
            return found
    for attempt in range(CREATION_ATTEMPTS):
        try:
            thing, key = target.post(lambda: _renew(creation, target, claim))
            if thing is None and key is None:
                raise AnswerLost(f"{target.name}: the service answered without its id and its key.")
        except (NotSent, ServiceError) as error:
            if attempt == 0 and not claim.inherited:
                raise _Refused(error) from None
            # An earlier request may still take effect, however late, so the intent stays in the ledger.
            raise
        except AnswerLost:
            found = _settle(creation, target, claim, replaced, wait=True)
            if found:
                return found
            continue
        if thing is None:
            creation.ledger.keep(claim, "pending", None, key)
            named = replace(claim, key=key)
            found = _settle(creation, target, named, replaced, wait=True)
            if found:
                return found
            raise CreationUnresolved(f"{target.name}: the service answered without its id, and no list shows it.")
        has_all = key is not None or target.slot.kind == "room"
        creation.ledger.keep(claim, "created" if has_all else "keyless", thing.id, key)
        return Made(thing, key, by_us=True, replaced=tuple(replaced))
    raise CreationUnresolved(
        f"{target.name}: {CREATION_ATTEMPTS} requests to create it were answered by nothing that can be used, and no "
        "list shows it. The ledger remembers; run again when the service is well."
    )


def _claim(
    creation: Creation, target: _Target[Thing], seen_ids: frozenset[str], gone_id: str | None
) -> Claim | Made[Thing]:
    """Wait for the right to create; where another run was first, return what it made."""
    give_up = time.monotonic() + LONGEST_WAIT_FOR_RIVAL
    while True:
        claimed = creation.ledger.claim(target.slot, seen_ids, creation.timeout + LEASE_MARGIN, gone_id)
        if isinstance(claimed, Claim):
            return claimed
        if isinstance(claimed, Row):
            thing = target.fetch(claimed.object_id) if claimed.object_id else None
            if thing is not None:
                return Made(thing, claimed.key, by_us=False)
            gone_id = claimed.object_id
            continue
        if time.monotonic() > give_up:
            raise CreationUnresolved(
                f"{target.name}: another run has been creating it for {LONGEST_WAIT_FOR_RIVAL:.0f} seconds. "
                "Run again when that one has ended."
            )
        creation.sleep(_rival_pause(claimed))


def _rival_pause(busy: Busy) -> float:
    return min(max(busy.seconds, 0.0), RIVAL_POLL)


def _renew(creation: Creation, target: _Target[Thing], claim: Claim) -> None:
    if not creation.ledger.renew(claim, creation.timeout + LEASE_MARGIN):
        raise CreationUnresolved(f"{target.name}: another run took over its creation. Run again to read what it made.")


def _settle(
    creation: Creation, target: _Target[Thing], claim: Claim, replaced: list[str], *, wait: bool
) -> Made[Thing] | None:
    """Find out by listing what became of a POST whose answer was lost.

    Return the thing if it exists and can be used; None if nothing exists any more and it may be posted (again). A
    session whose key was lost with the answer is deleted: it is ours, nobody ever saw its key, and it has not begun.
    """
    for pause in (*(GRACE_PAUSES if wait else ()), None):
        _renew(creation, target, claim)
        found = [thing for thing in target.candidates() if thing.id not in claim.seen_ids]
        if found and (target.discard is None or claim.key is not None):
            thing = found[0]
            creation.ledger.keep(claim, "created", thing.id, claim.key)
            return Made(thing, claim.key, by_us=True, replaced=tuple(replaced))
        if found and target.discard is not None:
            for thing in found:
                target.discard(thing)
                replaced.append(thing.id)
            return None
        if pause is not None:
            creation.sleep(pause)
    return None
