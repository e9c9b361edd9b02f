# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that creates one session in a room of the small service."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import Session, SessionSpec
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Ledger, Row, Slot
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.creation import Creation, Made, create
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.creation_targets import SessionTarget
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.steps import CreateSession, RemoveSession
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.api import WebinarApi

from .small_service import SmallService

PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"
ASKED = SessionSpec("Keynote", preset_id=PRESET)
ELSEWHERE = "another-boot/[1]:7:7:x"
NO_EFFECT = ("lost-drop", "lost-500")
EFFECT_AND_LOST = ("done-drop", "done-500", "done-408", "done-truncated", "done-html", "done-empty")


@dataclass
class Scene:
    """A room of the small service and a run with its ledger. ``pauses`` are the seconds that the run would have slept.

    ``removed`` are the ids of the sessions that the last creation deleted.
    """

    service: SmallService
    ledger: Ledger
    api: WebinarApi
    room_id: str
    open_run: Callable[..., Ledger]
    pauses: list[float] = field(default_factory=list)
    on_sleep: Callable[[], None] = lambda: None
    removed: list[str] = field(default_factory=list)

    @property
    def slot(self) -> Slot:
        return Slot(self.api.url, "session", self.room_id, "Keynote")

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.on_sleep()

    def create(
        self, ledger: Ledger | None = None, *, replaced_id: str | None = None, over_ids: Collection[str] = ()
    ) -> Made[Session]:
        creation = Creation(self.api, ledger or self.ledger, 5.0, self.sleep)
        step = CreateSession("Main stage", ASKED.title, "a test", self.room_id, ASKED)
        target = SessionTarget(self.api, creation.ledger, self.slot, step)
        removed: list[RemoveSession] = []
        try:
            seen = frozenset(self.service.sessions)
            return create(creation, target, seen, removed, replaced_id=replaced_id, over_ids=over_ids)
        finally:
            self.removed = [step.session.id for step in removed]

    def die_after_request(self, *seen_ids: str, lease: float = -1.0) -> tuple[Ledger, Claim]:
        """Return the ledger and the claim of a run on another machine that was killed after it sent its request."""
        killed = self.open_run(ELSEWHERE)
        claim = killed.claim(self.slot, seen_ids, lease)
        assert isinstance(claim, Claim)
        clock = Creation(self.api, killed, 5.0).clock()
        sent = replace(claim, unanswered=claim.unanswered.with_request(PRESET, clock))
        assert killed.renew(sent, lease)
        return killed, sent

    def row(self) -> Row | None:
        rows = self.open_run().rows(self.api.url, [self.room_id])
        return next((row for row in rows if row.slot == self.slot and row.holds_slot), None)

    def one_usable(self) -> str:
        """Return the id of the only current session, and assert that its key is in the ledger."""
        (session_id,) = self.service.current("Keynote")
        row = self.row()
        assert row is not None
        assert (row.phase, row.object_id) == ("created", session_id)
        assert row.key is not None
        assert row.key.stream_key == self.service.keys[session_id]
        return session_id
