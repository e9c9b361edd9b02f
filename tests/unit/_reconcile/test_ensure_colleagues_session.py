# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A colleague's session of the same title and preset, created long after an unanswered request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import WebinarError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import Policy
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.ensure import Outcome
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import Applied
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.api import WebinarApi
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ..engine_run import KEYNOTE, PRESET, Run, event
from ..scripted_server import Answer, Request
from ..small_service import FAULTS, SmallService
from .mortal_transport import Killed, MortalTransport

BEGIN = 1_790_000_000.0
HOUR, DAY = 3600.0, 86_400.0


@dataclass(frozen=True)
class Case:
    """``waits`` are the seconds before each of the runs between the one that failed and the colleague's session."""

    tells_time: bool
    tells_creation: bool
    faults: tuple[str, ...]
    killed_at: int | None
    is_late: bool
    between: tuple[tuple[float, str], ...]
    wait: float
    after: tuple[str, ...]


states = st.sampled_from(["present", "live", "ended"])
cases = st.builds(
    Case,
    tells_time=st.booleans(),
    tells_creation=st.booleans(),
    faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=4).map(tuple),
    killed_at=st.sampled_from([None, *range(8)]),
    is_late=st.booleans(),
    between=st.lists(st.tuples(st.sampled_from([60.0, HOUR, DAY]), states | st.just("absent")), max_size=2).map(tuple),
    wait=st.sampled_from([2 * HOUR, DAY, 3 * DAY, 40 * DAY]),
    after=st.lists(states, min_size=1, max_size=3).map(tuple),
)
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_grace", "no_live_poll")]


@dataclass
class Story:
    """Runs of several days, by one clock that the service and the ledger share."""

    case: Case
    service: SmallService
    folder: str
    now: float = BEGIN
    unplanned: list[str] = field(default_factory=list)

    def begin(self) -> str:
        for stored in (self.service.rooms, self.service.sessions, self.service.keys, self.service.journal):
            stored.clear()
        self.service.faults, self.service.late = [], []
        self.service.now = lambda: self.now if self.case.tells_creation else None
        self.service.on_answer = self._timed
        return self.service.add_room("Main stage")

    def _timed(self, _request: Request, answer: Any) -> Any:
        try:
            body = json.loads(answer.body)
        except (AttributeError, ValueError):
            return answer
        told = {"timestamp": int(self.now)} if self.case.tells_time else {}
        return Answer(answer.status, json.dumps({**body, "timestamp": None, **told}).encode(), answer.headers)

    def run(self, state: str, killed_at: int | None = None) -> Applied | None:
        ledger = open_ledger(LedgerSettings(f"sqlite:///{Path(self.folder) / 'keys.sqlite3'}"), Redactor(), new_owner())
        assert ledger is not None
        ledger._database.now = lambda connection: self.now  # type: ignore[method-assign]
        connection = Connection(self.service.url, api_key="unit-api-key", timeout=5.0, retries=0, concurrency=2)
        transport = MortalTransport(connection, Redactor(), sleep=lambda _seconds: None)
        transport.killed_at = killed_at
        run = Run(self.service, WebinarApi(transport, sleep=lambda _seconds: None), ledger)
        try:
            asked = event(replace(KEYNOTE, state=state), policy=Policy(wait_timeout=0.0))  # type: ignore[arg-type]
            self.service.journal.clear()
            plan = run.plan(asked)
            applied = run.apply_plan(plan, 0.0, asked.policy)
            told = [step.path for step in Outcome(plan, applied).steps() if step.action == "delete_session"]
            self.unplanned += [path for method, path in self.service.journal if method == "DELETE" and path not in told]
        except (Killed, WebinarError):
            return None
        finally:
            transport.close()
            ledger.close()
        return applied


@settings(max_examples=40, phases=[Phase.generate])
@given(case=cases)
def test_a_session_that_somebody_creates_long_after_an_unanswered_request_is_never_removed(
    case: Case, server: SmallService
) -> None:
    with TemporaryDirectory() as folder:
        story = Story(case, server, folder)
        room_id = story.begin()
        server.faults = list(case.faults)
        story.run("present", case.killed_at)
        server.faults = []
        if case.is_late:
            story.now += 30
            server.commit_late()
        server.late = []
        for wait, state in case.between:
            story.now += wait
            story.run(state)
        story.now += case.wait
        theirs = server.add_session(room_id, "Keynote", PRESET)
        entry = dict(server.sessions[theirs])
        for state in case.after:
            story.now += DAY
            story.run(state)
            assert server.sessions.get(theirs) == entry
        assert story.unplanned == []
