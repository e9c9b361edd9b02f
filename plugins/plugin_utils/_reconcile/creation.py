# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Creates a room or session: intent, POST, key, and the search for what was created when a response is lost.

The order keeps the promises: the intent is committed before the POST, and the key before anything else in the response
is used.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Generic

from .._core.comparison import Memory
from .._core.errors import AnswerLost, CreationUnresolved, NotSent, ServiceError, WebinarError
from .._core.model import StreamKey
from .._ledger.store import Busy, Claim, Ledger, Phase, Row
from .._ledger.unanswered import Clock, Unanswered
from .._service.api import WebinarApi
from .._service.transport import CONNECT_TIMEOUT
from .creation_targets import Target, Thing
from .steps import RemoveSession
from .world import clock_of

# After a lost response the list is read at once, and again after each of these pauses (seconds). What no list shows
# after all of them, the grace time, counts as not created.
GRACE_PAUSES = (0.5, 1.0, 2.0, 4.0)
GRACE_TIME = sum(GRACE_PAUSES)
CREATION_ATTEMPTS = 3
# A request may take the time to connect and then its own time-out.
LEASE_MARGIN = CONNECT_TIMEOUT + 5.0
OTHER_RUN_POLL = 0.2
# Seconds in which the first request is sent without a renewal of its new lease.
CLAIM_IS_FRESH = 1.0
LONGEST_WAIT_FOR_OTHER_RUN = 300.0


@dataclass(frozen=True)
class Creation:
    """What all creations share. ``timeout`` is in seconds, for one request. Tests replace ``sleep``."""

    api: WebinarApi
    ledger: Ledger
    timeout: float
    sleep: Callable[[float], None] = time.sleep

    @property
    def lease(self) -> float:
        """Seconds for which a claim must last: longer than one request."""
        return self.timeout + LEASE_MARGIN

    def clock(self) -> Clock:
        return clock_of(self.api, self.ledger)


@dataclass(frozen=True)
class Made(Generic[Thing]):
    """``by_us`` is False where another run created it. ``unanswered`` counts requests that may still take effect.

    ``memory``: the values that the service stored otherwise than they were sent.
    """

    thing: Thing
    key: StreamKey | None
    by_us: bool
    unanswered: int = 0
    memory: Memory = field(default_factory=dict)


class _Refused(Exception):
    """The service refused the only request, so nothing was created and the intent can be withdrawn."""

    def __init__(self, error: WebinarError) -> None:
        super().__init__()
        self.error = error


class _Overtaken(Exception):
    """Another run has taken over the slot. What it creates is used."""


def create(
    creation: Creation,
    target: Target[Thing],
    seen_ids: frozenset[str],
    removed: list[RemoveSession],
    *,
    replaced_id: str | None = None,
    over_ids: Collection[str] = (),
) -> Made[Thing]:
    """Create the target, or find what an earlier request for it created.

    ``seen_ids``: what the room or account had before, so that it is not taken for the new one. ``removed``: a list that
    gets each deletion of this creation, also where the creation fails later. ``replaced_id``: the session that the new
    one replaces; its key stays in the ledger, and if this creation is refused, so does its slot. ``over_ids``: sessions
    that are known to be over. Raise WebinarError where nothing was created, or where that is not known.
    """
    while True:
        began = time.monotonic()
        claimed = _claim(creation, target, seen_ids, replaced_id, over_ids)
        if isinstance(claimed, Made):
            return claimed
        # A new claim has its first request counted already. Its lease began within the claim, which may have waited for
        # the database.
        counted_until = 0.0 if claimed.inherited else began + CLAIM_IS_FRESH
        work = _Work(creation, target, claimed, removed, counted_until)
        try:
            return work.run()
        except _Overtaken:
            continue
        except _Refused as refusal:
            creation.ledger.withdraw(work.claim)
            raise refusal.error from None
        except WebinarError:
            creation.ledger.release(work.claim)
            raise


def not_answered(count: int) -> str:
    """Return the note for the user about ``Made.unanswered`` requests."""
    requests = "a request to create it was" if count == 1 else f"{count} requests to create it were"
    return (
        f"{requests} never answered, and no list shows what came of it. Should it take effect yet, the next run "
        "removes what it made: run once more before the event"
    )


@dataclass
class _Work(Generic[Thing]):
    """One creation, from the claim of its slot to its end.

    ``counted_until``: until this monotonic time, the next request is counted in the ledger and its lease is fresh.
    """

    creation: Creation
    target: Target[Thing]
    claim: Claim
    removed: list[RemoveSession]
    counted_until: float

    def run(self) -> Made[Thing]:
        # An intent without a request has created nothing to look for.
        if self.claim.inherited and (self.claim.unanswered or self.claim.key):
            found = self._settle(wait=self.claim.age < GRACE_TIME)
            if found:
                return found
        for attempt in range(CREATION_ATTEMPTS):
            answered = self.claim.unanswered if attempt or self.claim.inherited else Unanswered.none()
            try:
                thing, key = self.target.post(self._counting(answered), self._waiting(answered))
                if thing is None and key is None:
                    raise AnswerLost(f"{self.target.name}: the service answered without its id and its key.")
            except (NotSent, ServiceError) as error:
                self.claim = replace(self.claim, unanswered=answered)
                if not answered:
                    raise _Refused(error) from None
                # An earlier request may still take effect, so the intent stays in the ledger.
                self._renew()
                raise
            except AnswerLost:
                found = self._settle(wait=True)
                if found:
                    return found
                continue
            if thing is not None:
                self.claim = replace(self.claim, unanswered=answered, key=key)
                return self._made(thing, key)
            self.claim = replace(self.claim, key=key)
            self._keep("pending", None)
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
        has_all, memory = key is not None or not self.target.has_key, self.target.memory(thing)
        if not self._keep("created" if has_all else "keyless", thing, memory):
            # This run's lease ended, and another run has the slot now: this session is one too many.
            if self.target.has_key:
                self.removed.append(self.target.delete_unkeyed(thing))
                self.creation.ledger.retire(self.target.slot.api, [thing.id])
            raise _Overtaken
        return Made(thing, key, True, self.claim.unanswered.count, memory)

    def _settle(self, *, wait: bool) -> Made[Thing] | None:
        """Look in the list for what requests with a lost response created.

        Return the thing if it can be used, None if the request may be sent again. A session whose key was lost with the
        response is deleted: nobody has its key, and it is not on air.
        """
        for pause in (*(GRACE_PAUSES if wait else ()), None):
            self._renew()
            # The session to replace stays until the new one exists.
            removed_ids = (step.session.id for step in self.removed)
            apart = {*self.claim.seen_ids, *removed_ids, self.claim.replaced_id}
            found, others = self.target.found(self.claim.unanswered, self.creation.clock, apart)
            # A key that came without an id belongs to this session only if no other request is unanswered.
            is_its_key = self.claim.key is not None and len(found) == self.claim.unanswered.count == 1
            if found and (is_its_key or not self.target.has_key):
                memory = self.target.memory(found[0])
                self.claim = replace(self.claim, unanswered=self.claim.unanswered.resolved(1))
                if not self._keep("created", found[0], memory):
                    # The other run, or the next one, finds this thing as well.
                    raise _Overtaken
                return Made(found[0], self.claim.key, True, self.claim.unanswered.count, memory)
            if found:
                self._delete_unkeyed(found)
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

    def _delete_unkeyed(self, found: list[Thing]) -> None:
        if len(found) > self.claim.unanswered.count:
            ids = ", ".join(thing.id for thing in found)
            raise CreationUnresolved(
                f"{self.target.name}: {self.claim.unanswered.count} of its requests were never answered, and "
                f"{len(found)} sessions may be what they made ({ids}). Which of them are somebody else's cannot be "
                "told, so all are left alone. Pick one with session_id; with session_id and state: absent the others "
                "can be removed."
            )
        for thing in found:
            self.removed.append(self.target.delete_unkeyed(thing))
            self._renew(replace(self.claim, unanswered=self.claim.unanswered.resolved(1)))
        if self.claim.key is not None:
            self.claim = replace(self.claim, key=None)
            self._keep("pending", None)

    def _counting(self, answered: Unanswered) -> Callable[[], None]:
        """Return a function that counts a request as unanswered before it is sent, in case this run is killed.

        A retry of a request that had no effect is not counted again.
        """

        def before_each() -> None:
            is_counted, self.counted_until = time.monotonic() < self.counted_until, 0.0
            if is_counted:
                return
            sent = answered.with_request(self.target.preset_id, self.creation.clock())
            self._renew(replace(self.claim, unanswered=sent))

        return before_each

    def _waiting(self, answered: Unanswered) -> Callable[[float], None]:
        """Return a function that extends the lease for a wait before a retry. Such a request had no effect."""

        def before_wait(seconds: float) -> None:
            # The request is counted anew when it is sent.
            self.counted_until = 0.0
            self._renew(replace(self.claim, unanswered=answered), waiting=seconds)

        return before_wait

    def _renew(self, claim: Claim | None = None, waiting: float = 0.0) -> None:
        self.claim = claim or self.claim
        if not self.creation.ledger.renew(self.claim, self.creation.lease + waiting):
            raise CreationUnresolved(
                f"{self.target.name}: another run took over its creation. Run again to read what it made."
            )

    def _keep(self, phase: Phase, thing: Thing | None, memory: Memory | None = None) -> bool:
        """Commit what was created, with the key of the claim. Return whether the claim's row holds the slot."""
        thing_id = thing.id if thing is not None else None
        return self.creation.ledger.keep(self.claim, phase, thing_id, self.claim.key, memory)


def _claim(
    creation: Creation,
    target: Target[Thing],
    seen_ids: frozenset[str],
    replaced_id: str | None,
    over_ids: Collection[str],
) -> Claim | Made[Thing]:
    """Claim the slot, waiting for other runs; where another run was first, return what it created."""
    over, other_run = set(over_ids), OtherRun(creation)
    while True:
        claimed = creation.ledger.claim(
            target.slot,
            seen_ids,
            creation.lease,
            replaced_id=replaced_id,
            over_ids=over,
            expired=other_run.expired,
            first_request=Unanswered.none().with_request(target.preset_id, creation.clock()),
            account=target.account,
        )
        if isinstance(claimed, Claim):
            return claimed
        if isinstance(claimed, Row):
            thing = target.read(claimed.object_id) if claimed.object_id else None
            if thing is not None and target.is_usable(thing):
                return Made(thing, claimed.key, by_us=False)
            if thing is None and 0 <= claimed.age < GRACE_TIME:
                # The service may not report yet what was created a moment ago. Its key must not be erased.
                creation.sleep(OTHER_RUN_POLL)
                continue
            over.add(claimed.object_id or "")
            continue
        other_run.wait(claimed, target.name)


class OtherRun:
    """Waits for another run that is creating in a slot. ``expired`` is the mark of a lease that is known to be over."""

    def __init__(self, creation: Creation) -> None:
        self._creation = creation
        self._give_up = time.monotonic() + LONGEST_WAIT_FOR_OTHER_RUN
        self._mark: tuple[int, float] | None = None
        self._since = 0.0
        self.expired: tuple[int, float] | None = None

    def wait(self, busy: Busy, name: str) -> None:
        """Wait a moment. Raise CreationUnresolved after LONGEST_WAIT_FOR_OTHER_RUN seconds."""
        now = time.monotonic()
        if busy.mark != self._mark:
            self._mark, self._since = busy.mark, now
        elif now - self._since > busy.length:
            # The other run's clock was ahead. The same lease has lasted for its full length here, so it is over.
            self.expired = busy.mark
            return
        if now > self._give_up:
            raise CreationUnresolved(
                f"{name}: another run has been creating it for {LONGEST_WAIT_FOR_OTHER_RUN:.0f} seconds. "
                "Run again when that one has ended."
            )
        self._creation.sleep(min(max(busy.seconds, 0.0), OTHER_RUN_POLL))
