# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one path by which a room or session comes into being: intent, POST, key, and what to do when the answer is lost.

The order is the promise: the intent is committed before the POST, and the key before anything else is looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from .errors import AnswerLost, CreationUnresolved, NotSent, ServiceError, WebinarError
from .ledger import Busy, Claim, Ledger, Phase, Row, Slot
from .model import StreamKey
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

    ``post`` returns the thing, None where the answer did not name it, and its key. ``listed`` is all that fills the
    slot; ``is_fruit`` says of it what may have come of a POST whose answer was lost. ``discard`` is None where such a
    fruit is as good as any other.
    """

    slot: Slot
    name: str
    preset_id: str | None
    post: Callable[[Callable[[], None]], tuple[Thing | None, StreamKey | None]]
    fetch: Callable[[str], Thing | None]
    is_usable: Callable[[Thing], bool]
    listed: Callable[[], list[Thing]]
    is_fruit: Callable[[Claim, Thing], bool]
    discard: Callable[[Thing], None] | None


class _Refused(Exception):
    """The only request for the thing was refused for certain, so there is nothing to remember."""

    def __init__(self, error: WebinarError) -> None:
        super().__init__()
        self.error = error


class _Overtaken(Exception):
    """Another run has taken over; what that one makes is what counts."""


def create(creation: Creation, target: Target[Thing], seen_ids: frozenset[str], gone_id: str | None) -> Made[Thing]:
    """Create what a target describes, or find out what became of an earlier request for it."""
    replaced: list[str] = []
    while True:
        claimed = _claim(creation, target, seen_ids, gone_id)
        if isinstance(claimed, Made):
            return replace(claimed, replaced=tuple(replaced))
        work = _Work(creation, target, claimed, replaced)
        try:
            return work.run()
        except _Overtaken:
            continue
        except _Refused as refusal:
            creation.ledger.withdraw(work.claim)
            raise _telling(refusal.error, replaced) from None
        except WebinarError as error:
            creation.ledger.release(work.claim)
            raise _telling(error, replaced) from None


@dataclass
class _Work(Generic[Thing]):
    """One creation from its claim to its end. ``replaced`` collects the ids of what was discarded on the way."""

    creation: Creation
    target: Target[Thing]
    claim: Claim
    replaced: list[str] = field(default_factory=list)

    def run(self) -> Made[Thing]:
        # An intent of which no request was sent has no fruit to look for.
        if self.claim.inherited and (self.claim.doubt.count or self.claim.key):
            found = self._settle(wait=self.claim.age < GRACE_TIME)
            if found:
                return found
        for _attempt in range(CREATION_ATTEMPTS):
            try:
                thing, key = self.target.post(self._before_request)
                if thing is None and key is None:
                    raise AnswerLost(f"{self.target.name}: the service answered without its id and its key.")
            except (NotSent, ServiceError) as error:
                if self.claim.doubt.count == 0:
                    raise _Refused(error) from None
                # An earlier request may still take effect, however late, so the intent stays in the ledger.
                raise
            except AnswerLost:
                self._count_request()
                found = self._settle(wait=True)
                if found:
                    return found
                continue
            if thing is not None:
                return self._made(thing, key)
            self._count_request()
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
        if not self._keep("created" if has_all else "keyless", thing.id, key):
            # This run was away for longer than its lease, and the slot is another run's: this one's is one too many.
            if self.target.discard is not None:
                self.target.discard(thing)
                self.replaced.append(thing.id)
                self.creation.ledger.retire(self.target.slot.api, thing.id)
            raise _Overtaken
        return Made(thing, key, True, tuple(self.replaced), self.claim.doubt.count)

    def _settle(self, *, wait: bool) -> Made[Thing] | None:
        """Find out by listing what became of requests whose answers were lost.

        Return the thing if it exists and can be used; None if nothing exists any more and it may be posted (again).
        A session whose key was lost with the answer is deleted: it is ours, nobody ever saw its key, and it has not
        begun.
        """
        for pause in (*(GRACE_PAUSES if wait else ()), None):
            self._renew()
            gone = {*self.claim.seen_ids, *self.replaced}
            listed = [thing for thing in self.target.listed() if thing.id not in gone]
            found = [thing for thing in listed if self.target.is_fruit(self.claim, thing)]
            others = [thing.id for thing in listed if thing not in found]
            # With other requests in doubt, a key that came without its session could belong to any of them.
            if found and (
                self.target.discard is None or (self.claim.key and len(found) == self.claim.doubt.count == 1)
            ):
                key = self.claim.key
                self._count_found(1)
                if not self._keep("created", found[0].id, key):
                    # What was found stays where the other run, or the next one, finds it too.
                    raise _Overtaken
                return Made(found[0], key, True, tuple(self.replaced), self.claim.doubt.count)
            if found and self.target.discard is not None:
                self._discard(found, self.target.discard)
                if self.claim.doubt.count == 0:
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
        if len(found) > self.claim.doubt.count:
            ids = ", ".join(thing.id for thing in found)
            raise CreationUnresolved(
                f"{self.target.name}: {self.claim.doubt.count} of its requests were never answered, and {len(found)} "
                f"sessions may be what they made ({ids}). Which of them are somebody else's cannot be told, so all are "
                "left alone. Pick one with session_id; with session_id and state: absent the others can be removed."
            )
        for thing in found:
            discard(thing)
            self.replaced.append(thing.id)
            self._count_found(1)
        if self.claim.key is not None:
            self._keep("pending", None, None)

    def _before_request(self) -> None:
        # Counted before it is sent: a run that dies now leaves it behind as one without an answer.
        at = self.creation.api.service_time()
        self._renew(replace(self.claim, doubt=self.claim.doubt.with_request(self.target.preset_id, at)))

    def _count_request(self) -> None:
        at = self.creation.api.service_time()
        self.claim = replace(self.claim, doubt=self.claim.doubt.with_request(self.target.preset_id, at))

    def _count_found(self, count: int) -> None:
        self.claim = replace(self.claim, doubt=self.claim.doubt.without(count))

    def _renew(self, claim: Claim | None = None) -> None:
        claim = claim or self.claim
        if not self.creation.ledger.renew(claim, self.creation.timeout + LEASE_MARGIN):
            raise CreationUnresolved(
                f"{self.target.name}: another run took over its creation. Run again to read what it made."
            )

    def _keep(self, phase: Phase, object_id: str | None, key: StreamKey | None) -> bool:
        self.claim = replace(self.claim, key=key)
        return self.creation.ledger.keep(self.claim, phase, object_id, key)


def _telling(error: WebinarError, replaced: list[str]) -> WebinarError:
    """Return the error, which also tells what was removed before it."""
    if replaced:
        error.args = (f"{error} Before that, {', '.join(replaced)} was removed: nobody ever saw its key.",)
    return error


def _claim(
    creation: Creation, target: Target[Thing], seen_ids: frozenset[str], gone_id: str | None
) -> Claim | Made[Thing]:
    """Wait for the right to create; where another run was first, return what it made."""
    give_up = time.monotonic() + LONGEST_WAIT_FOR_RIVAL
    ledger, lease = creation.ledger, creation.timeout + LEASE_MARGIN
    while True:
        claimed = ledger.claim(target.slot, seen_ids, lease, gone_id, creation.api.service_time())
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
