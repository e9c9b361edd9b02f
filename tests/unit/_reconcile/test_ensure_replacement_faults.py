# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replacements in which any step fails, or the run is killed: the old session stays until the new one exists."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import WebinarError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import EventSpec, Policy, Settings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Ledger, open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.api import WebinarApi
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from ..engine_run import KEYNOTE, OTHER_PRESET, Run, event
from ..scripted_server import Request, drop, refusal
from ..small_service import FAULTS, SmallService
from .mortal_transport import Killed, MortalTransport

CALLS = ("DELETE", "end", "settings", "go_live", "GET session", "GET sessions")
# The result of a call that the client sees, and whether the call takes effect.
WAYS = ("lost-409", "lost-422", "lost-403", "lost-500", "lost-drop", "done-500", "done-drop", "done-409")


@dataclass(frozen=True)
class Case:
    """The run is killed before the call number ``killed_at``, or after it if ``late``."""

    status: str
    state: str
    creations: tuple[str, ...]
    calls: dict[str, str]
    killed_at: int | None
    late: bool
    is_revoked: bool


cases = st.builds(
    Case,
    status=st.sampled_from(["scheduled", "live"]),
    state=st.sampled_from(["present", "live"]),
    creations=st.lists(st.sampled_from(FAULTS), max_size=3).map(tuple),
    calls=st.dictionaries(st.sampled_from(CALLS), st.sampled_from(WAYS), max_size=2),
    killed_at=st.sampled_from([None, None, *range(12)]),
    late=st.booleans(),
    is_revoked=st.booleans(),
)
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_grace", "no_live_poll")]


@dataclass
class Trial:
    """The run of a case, and the state of the old session at each of its requests."""

    case: Case
    service: SmallService
    transport: MortalTransport
    run: Run
    witness: Ledger
    old: str = ""
    entry: dict[str, Any] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def begin(self) -> None:
        for stored in (self.service.rooms, self.service.sessions, self.service.keys, self.service.journal):
            stored.clear()
        self.service.faults, self.service.late = [], []
        self.service.on_request = lambda _request: None
        self.service.on_answer = lambda _request, answer: answer
        self.service.add_room("Main stage")
        self.run.apply(event(KEYNOTE))
        (self.old,) = self.service.current("Keynote")
        self.service.sessions[self.old]["status"] = self.case.status
        self.entry = dict(self.service.sessions[self.old])

    def fail(self) -> None:
        """Make the run fail once, as the case says, and record the old session's state at each request."""
        self.service.faults = list(self.case.creations)
        self.service.on_request = self._on_request
        self.service.on_answer = self._on_answer
        self.transport.killed_at, self.transport.late, self.transport.calls = self.case.killed_at, self.case.late, 0
        try:
            self.run.apply(asked_of(self.case), wait_timeout=0.0)
        except (WebinarError, Killed):
            note("the run as a whole ended")
        self.transport.killed_at = None
        self.check()
        self.service.on_request = lambda _request: None
        self.service.on_answer = lambda _request, answer: answer
        self.service.faults = []
        self.service.commit_late()

    def check(self) -> None:
        """Check that the old session is unchanged and its key can be read, or that the new one's key can."""
        rows = self.witness.rows(self.run.api.url, list(self.service.rooms))
        keys = {row.object_id: row.key.stream_key for row in rows if row.key and row.object_id}
        readable = {one for one, key in keys.items() if self.service.keys.get(one) == key}
        current = set(self.service.current("Keynote"))
        if not current & readable:
            self.broken.append("no current session has a readable key")
        if not (current & readable) - {self.old}:
            if self.service.sessions.get(self.old) != self.entry:
                self.broken.append("the old session was touched")
            if self.old not in readable:
                self.broken.append("the old session's key is lost")

    def _on_request(self, request: Request) -> Any:
        self.check()
        effect, _minus, seen = self.case.calls.get(call_of(request), "").partition("-")
        return answer_of(seen) if effect == "lost" else None

    def _on_answer(self, request: Request, answer: Any) -> Any:
        effect, _minus, seen = self.case.calls.get(call_of(request), "").partition("-")
        return answer_of(seen) if effect == "done" else answer


def answer_of(seen: str) -> Any:
    return drop if seen == "drop" else refusal(int(seen))


def call_of(request: Request) -> str:
    parts = request.path.partition("?")[0].split("/")
    if request.method == "GET":
        return "GET sessions" if parts[-1] == "sessions" else "GET session" if parts[1] == "sessions" else "GET"
    return "DELETE" if request.method == "DELETE" else parts[-1] if parts[1] == "sessions" else "POST"


def asked_of(case: Case) -> EventSpec:
    asked = replace(KEYNOTE, preset_id=OTHER_PRESET, settings=Settings(chat_enabled=False), state=case.state)  # type: ignore[arg-type]
    # A session whose answer contained no key cannot be used, so it may be replaced, too.
    return event(asked, policy=Policy(replace="live", on_missing_key="replace"))


@settings(max_examples=60)
@given(case=cases)
def test_the_old_session_and_its_key_stay_until_the_new_key_is_stored_whatever_fails(
    case: Case, server: SmallService
) -> None:
    with TemporaryDirectory() as folder:
        location = LedgerSettings(f"sqlite:///{Path(folder) / 'keys.sqlite3'}")
        connection = Connection(server.url, api_key="unit-api-key", timeout=5.0, retries=0, concurrency=2)
        transport = MortalTransport(connection, Redactor(), sleep=lambda _seconds: None)
        api = WebinarApi(transport, sleep=lambda _seconds: None)
        ledger, witness = (open_ledger(location, Redactor(), new_owner()) for _each in range(2))
        assert ledger is not None
        assert witness is not None
        trial = Trial(case, server, transport, Run(server, api, ledger), witness)
        try:
            trial.begin()
            trial.fail()
            assert trial.broken == []
            check_the_end(trial)
        finally:
            transport.close()
            ledger.close()
            witness.close()


def check_the_end(trial: Trial) -> None:
    """Run again without faults: one session remains, the new one or the old one, and its key is stored."""
    asked = asked_of(trial.case)
    if trial.case.is_revoked:
        asked = event(replace(KEYNOTE, preset_id=KEYNOTE.preset_id), policy=asked.policy)
    (done,) = trial.run.apply(asked).sessions
    assert done.error is None
    (left,) = trial.service.current("Keynote")
    assert (done.session and done.session.id) == left
    assert trial.service.sessions[left]["preset"]["id"] == asked.rooms[0].sessions[0].preset_id
    assert trial.run.kept_keys() == {left: trial.service.keys[left]}
    trial.service.journal.clear()
    trial.run.apply(asked)
    assert trial.run.writes() == []
