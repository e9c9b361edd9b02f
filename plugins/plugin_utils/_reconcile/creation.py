# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The one path by which a room or session comes into being: intent, POST, key, and what to do when the answer is lost.

The order is the promise: the intent is committed before the POST, and the key before anything else is looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from .._core.comparison import Memory
from .._core.errors import AnswerLost, CreationUnresolved, NotSent, ServiceError, WebinarError
from .._core.model import StreamKey
from .._ledger.store import Busy, Claim, Ledger, Phase, Row, Slot
from .._ledger.unanswered import Clock, Unanswered
from .._service.api import WebinarApi
from .._service.transport import CONNECT_TIMEOUT
from .observe import clock_of

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

    @property
    def lease(self) -> float:
        """Seconds: a request may take its time-out."""
        return self.timeout + LEASE_MARGIN

    def clock(self) -> Clock:
        return clock_of(self.api, self.ledger)


@dataclass(frozen=True)
class Made(Generic[Thing]):
    """``by_us`` is False where another run was first. ``replaced`` names sessions of ours that died without a key.

    ``unanswered`` requests may still take effect, however late.
    """

    thing: Thing
    key: StreamKey | None
    by_us: bool
    replaced: tuple[str, ...] = ()
    unanswered: int = 0


@dataclass(frozen=True)
class Target(Generic[Thing]):
    """What differs between a room and a session.

    ``post`` is given what to call before each request and before each wait. It returns the thing, None where the answer
    did not name it, and its key. ``listed`` is all that fills the slot; ``may_be_ours`` says of it what may have come
    of a POST whose answer was lost. ``discard`` is None where that is as good as any other. ``memory`` is what the
    service made of the values that were sent.
    """

    slot: Slot
    name: str
    preset_id: str | None
    post: Callable[[Callable[[], None], Callable[[float], None]], tuple[Thing | None, StreamKey | None]]
    fetch: Callable[[str], Thing | None]
    is_usable: Callable[[Thing], bool]
    listed: Callable[[], list[Thing]]
    may_be_ours: Callable[[Unanswered, Thing], bool]
    discard: Callable[[Thing], None] | None
    memory: Callable[[Thing], Memory]


class _Refused(Exception):
    """The only request for the thing was refused for certain, so there is nothing to remember."""

    def __init__(self, error: WebinarError) -> None:
        super().__init__()
        self.error = error


class _Overtaken(Exception):
    """Another run has taken over; what that one makes is what counts."""


def create(
    creation: Creation,
    target: Target[Thing],
    seen_ids: frozenset[str],
    *,
    replaces: str | None = None,
    gone_ids: Collection[str] = (),
) -> Made[Thing]:
    """Create what a target describes, or find out what became of an earlier request for it.

    ``replaces`` is the id of the session whose place the new one takes: it keeps its key until that is done, and its
    slot if it is refused. ``gone_ids`` are known to be unusable.
    """
    removed: list[str] = []
    while True:
        claimed = _claim(creation, target, seen_ids, replaces, gone_ids)
        if isinstance(claimed, Made):
            return replace(claimed, replaced=tuple(removed))
        work = _Work(creation, target, claimed, removed)
        try:
            return work.run()
        except _Overtaken:
            continue
        except _Refused as refusal:
            creation.ledger.withdraw(work.claim)
            raise _telling(refusal.error, removed) from None
        except WebinarError as error:
            creation.ledger.release(work.claim)
            raise _telling(error, removed) from None


@dataclass
class _Work(Generic[Thing]):
    """One creation from its claim to its end. ``removed`` collects the ids of what was discarded on the way."""

    creation: Creation
    target: Target[Thing]
    claim: Claim
    removed: list[str] = field(default_factory=list)

    def run(self) -> Made[Thing]:
        # An intent of which no request was sent has created nothing that could be looked for.
        if self.claim.inherited and (self.claim.unanswered or self.claim.key):
            found = self._settle(wait=self.claim.age < GRACE_TIME)
            if found:
                return found
        for _attempt in range(CREATION_ATTEMPTS):
            answered = self.claim.unanswered
            try:
                thing, key = self.target.post(self._counting(answered), self._waiting(answered))
                if thing is None and key is None:
                    raise AnswerLost(f"{self.target.name}: the service answered without its id and its key.")
            except (NotSent, ServiceError) as error:
                self.claim = replace(self.claim, unanswered=answered)
                if not answered:
                    raise _Refused(error) from None
                # An earlier request may still take effect, however late, so the intent stays in the ledger.
                self._renew()
                raise
            except AnswerLost:
                found = self._settle(wait=True)
                if found:
                    return found
                continue
            if thing is not None:
                self.claim = replace(self.claim, unanswered=answered)
                return self._made(thing, key)
            self._keep("pending", None, key)
            found = self._settle(wait=True)
            if found:
                return found
            if self.claim.key is not None:
                raise CreationUnresolved(
                    f"{self.target.name}: the service answered without its id, and no list shows it."
                )
        raise CreationUnresolved(
            f"{self.target.name}: {CREATION_ATTEMPTS} requests to create it were answered by nothing that can be used, "
            "and no list shows it. The ledger remembers; run again when the service is well."
        )

    def _made(self, thing: Thing, key: StreamKey | None) -> Made[Thing]:
        has_all = key is not None or self.target.slot.kind == "room"
        if not self._keep("created" if has_all else "keyless", thing, key):
            # This run was away for longer than its lease, and the slot is another run's: this one's is one too many.
            if self.target.discard is not None:
                self.target.discard(thing)
                self.removed.append(thing.id)
                self.creation.ledger.retire(self.target.slot.api, [thing.id])
            raise _Overtaken
        return Made(thing, key, True, tuple(self.removed), self.claim.unanswered.count)

    def _settle(self, *, wait: bool) -> Made[Thing] | None:
        """Find out by listing what became of requests whose answers were lost.

        Return the thing if it exists and can be used; None if nothing exists any more and it may be posted (again).
        A session whose key was lost with the answer is deleted: it is ours, nobody ever saw its key, and it has not
        begun.
        """
        for pause in (*(GRACE_PAUSES if wait else ()), None):
            self._renew()
            # What is to be replaced stays until the new one exists.
            apart = {*self.claim.seen_ids, *self.removed, self.claim.replaces}
            listed = [thing for thing in self.target.listed() if thing.id not in apart]
            found = [thing for thing in listed if self.target.may_be_ours(self.claim.unanswered, thing)]
            others = [thing.id for thing in listed if thing not in found]
            # With other requests unanswered, a key that came without its session could belong to any of them.
            if found and (
                self.target.discard is None or (self.claim.key and len(found) == self.claim.unanswered.count == 1)
            ):
                key = self.claim.key
                self.claim = replace(self.claim, unanswered=self.claim.unanswered.resolved(1))
                if not self._keep("created", found[0], key):
                    # What was found stays where the other run, or the next one, finds it too.
                    raise _Overtaken
                return Made(found[0], key, True, tuple(self.removed), self.claim.unanswered.count)
            if found and self.target.discard is not None:
                self._discard(found, self.target.discard)
                if not self.claim.unanswered:
                    break
            if pause is not None:
                self.creation.sleep(pause)
        if others:
            raise CreationUnresolved(
                f"{self.target.name}: somebody else has created another one meanwhile ({', '.join(others)}). It is "
                "left alone, and none is created beside it. Run again to see what can be done with it."
            )
        return None

    def _discard(self, found: list[Thing], discard: Callable[[Thing], None]) -> None:
        if len(found) > self.claim.unanswered.count:
            ids = ", ".join(thing.id for thing in found)
            raise CreationUnresolved(
                f"{self.target.name}: {self.claim.unanswered.count} of its requests were never answered, and "
                f"{len(found)} sessions may be what they made ({ids}). Which of them are somebody else's cannot be "
                "told, so all are left alone. Pick one with session_id; with session_id and state: absent the others "
                "can be removed."
            )
        for thing in found:
            discard(thing)
            self.removed.append(thing.id)
            self._renew(replace(self.claim, unanswered=self.claim.unanswered.resolved(1)))
        if self.claim.key is not None:
            self._keep("pending", None, None)

    def _counting(self, answered: Unanswered) -> Callable[[], None]:
        """Return what counts a request before it is sent: a run that dies then leaves it behind as unanswered.

        It is called again for a request that is sent again because it had no effect, and counts it once.
        """

        def before_each() -> None:
            sent = answered.with_request(self.target.preset_id, self.creation.clock())
            self._renew(replace(self.claim, unanswered=sent))

        return before_each

    def _waiting(self, answered: Unanswered) -> Callable[[float], None]:
        """Return what keeps the lease while a request that had no effect waits to be sent again, and is not counted."""

        def before_wait(seconds: float) -> None:
            self._renew(replace(self.claim, unanswered=answered), waiting=seconds)

        return before_wait

    def _renew(self, claim: Claim | None = None, waiting: float = 0.0) -> None:
        self.claim = claim or self.claim
        if not self.creation.ledger.renew(self.claim, self.creation.lease + waiting):
            raise CreationUnresolved(
                f"{self.target.name}: another run took over its creation. Run again to read what it made."
            )

    def _keep(self, phase: Phase, thing: Thing | None, key: StreamKey | None) -> bool:
        self.claim = replace(self.claim, key=key)
        memory = self.target.memory(thing) if thing is not None else {}
        return self.creation.ledger.keep(self.claim, phase, thing.id if thing is not None else None, key, memory)


def _telling(error: WebinarError, removed: list[str]) -> WebinarError:
    """Return the error, which also tells what was removed before it."""
    if removed:
        error.args = (f"{error} Before that, {', '.join(removed)} was removed: nobody ever saw its key.",)
        error.removed_ids = tuple(removed)
    return error


def _claim(
    creation: Creation,
    target: Target[Thing],
    seen_ids: frozenset[str],
    replaces: str | None,
    gone_ids: Collection[str],
) -> Claim | Made[Thing]:
    """Wait for the right to create; where another run was first, return what it made."""
    gone, rival = set(gone_ids), Rival(creation)
    while True:
        claimed = creation.ledger.claim(
            target.slot, seen_ids, creation.lease, replaces=replaces, gone_ids=gone, void=rival.void
        )
        if isinstance(claimed, Claim):
            return claimed
        if isinstance(claimed, Row):
            thing = target.fetch(claimed.object_id) if claimed.object_id else None
            if thing is not None and target.is_usable(thing):
                return Made(thing, claimed.key, by_us=False)
            if thing is None and 0 <= claimed.age < GRACE_TIME:
                # What was created a moment ago may not be shown everywhere yet, and its key must not be erased.
                creation.sleep(RIVAL_POLL)
                continue
            gone.add(claimed.object_id or "")
            continue
        rival.wait(claimed, target.name)


class Rival:
    """Waits for another run that is creating in a slot. ``void`` is the mark of its lease, once that is over."""

    def __init__(self, creation: Creation) -> None:
        self._creation = creation
        self._give_up = time.monotonic() + LONGEST_WAIT_FOR_RIVAL
        self._mark: tuple[int, float] | None = None
        self._since = 0.0
        self.void: tuple[int, float] | None = None

    def wait(self, busy: Busy, name: str) -> None:
        """Wait a moment; raise CreationUnresolved where it has been too long."""
        now = time.monotonic()
        if busy.mark != self._mark:
            self._mark, self._since = busy.mark, now
        elif now - self._since > busy.length:
            # Written by a clock that was ahead of this one: no lease is longer than its own length.
            self.void = busy.mark
            return
        if now > self._give_up:
            raise CreationUnresolved(
                f"{name}: another run has been creating it for {LONGEST_WAIT_FOR_RIVAL:.0f} seconds. "
                "Run again when that one has ended."
            )
        self._creation.sleep(min(max(busy.seconds, 0.0), RIVAL_POLL))
