# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Going live and ending: what the answer contains is stored, and what it lacks is read."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.results import session_result
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import LedgerError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import Policy
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import Applied, SessionOutcome
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service import api

from ..engine_run import KEYNOTE, Run, event
from ..scripted_server import Answer, Request, drop, refusal
from ..small_service import INGEST_URL

LIVE = replace(KEYNOTE, state="live")
ENDED = replace(KEYNOTE, state="ended")
GO_LIVE = Policy(on_missing_key="go_live")
WHIP_URL = "https://ingest.invalid/whip"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_STATE_PAUSE", 0.0)


def only(applied: Applied) -> SessionOutcome:
    (done,) = applied.sessions
    return done


@pytest.fixture
def made(run: Run) -> str:
    done = only(run.apply(event(KEYNOTE)))
    assert done.session is not None
    run.service.journal.clear()
    return done.session.id


@pytest.fixture
def foreign(run: Run) -> str:
    """Return the id of a session whose key is not in the ledger."""
    return run.service.add_session(run.service.add_room("Main stage"), "Keynote", KEYNOTE.preset_id)


def changed_answer(answer: Any, **fields: Any) -> Any:
    body = json.loads(answer.body)
    body["data"].update(fields)
    return Answer(answer.status, json.dumps(body).encode(), answer.headers)


def on_answer_of(run: Run, call: str, change: Any) -> None:
    run.service.on_answer = lambda request, answer: change(answer) if request.path.endswith(call) else answer


def test_going_live_that_shows_no_key_fails_with_the_remedies(run: Run, foreign: str) -> None:
    run.service.go_live_shows_key = False
    done = only(run.apply(event(KEYNOTE, policy=GO_LIVE)))
    assert f"{foreign} was put on air to see its stream key" in (done.error or "")
    assert "on_missing_key: replace" in (done.error or "")
    assert done.changed
    assert done.session is not None
    assert done.session.status == "live"


def test_going_live_that_shows_no_key_succeeds_if_the_ledger_has_it(run: Run, made: str) -> None:
    run.service.go_live_shows_key = False
    done = only(run.apply(event(LIVE)))
    assert (done.error, done.key and done.key.stream_key) == (None, run.service.keys[made])


def test_urls_that_only_going_live_shows_are_stored_and_stay(run: Run) -> None:
    run.service.on_answer = lambda request, answer: (
        changed_answer(answer, rtmp_url=None) if request.method == "POST" and "/rooms/" in request.path else answer
    )
    first = only(run.apply(event(KEYNOTE)))
    assert session_result(first, "n")["rtmp_url"] is None
    on_answer_of(run, "/go_live", lambda answer: changed_answer(answer, whip_url=WHIP_URL))
    live = only(run.apply(event(LIVE)))
    for done in (live, only(run.apply(event(LIVE)))):
        shown = session_result(done, "n")
        assert (shown["rtmp_url"], shown["whip_url"]) == (INGEST_URL, WHIP_URL)
        assert done.fingerprint == first.fingerprint
    assert live.notes == ()


def test_a_whip_url_from_the_creation_is_stored_beside_the_rtmp_url(run: Run) -> None:
    run.service.on_answer = lambda request, answer: (
        changed_answer(answer, whip_url=WHIP_URL) if request.method == "POST" and "/rooms/" in request.path else answer
    )
    run.apply(event(KEYNOTE))
    # The answer to going live has less; what is known already stays.
    run.apply(event(LIVE))
    shown = session_result(only(run.apply(event(LIVE))), "n")
    assert (shown["rtmp_url"], shown["whip_url"]) == (INGEST_URL, WHIP_URL)


@pytest.mark.parametrize("status", [404, 409, 422])
def test_a_refusal_to_go_live_is_no_error_if_the_session_is_live(run: Run, made: str, status: int) -> None:
    def on_request(request: Request) -> Any:
        if request.path.endswith("/go_live"):
            run.service.sessions[made]["status"] = "live"
            return refusal(status)
        return None

    run.service.on_request = on_request
    done = only(run.apply(event(LIVE)))
    assert (done.error, done.session and done.session.status) == (None, "live")


def test_a_refusal_to_go_live_is_an_error_unless_the_session_is_live(run: Run, made: str) -> None:
    run.service.on_request = lambda request: refusal(409) if request.path.endswith("/go_live") else None
    done = only(run.apply(event(LIVE)))
    assert done.error
    assert run.service.sessions[made]["status"] == "scheduled"


@pytest.mark.parametrize("lost", [drop, refusal(500), refusal(502), refusal(504)])
@pytest.mark.parametrize("call", ["/go_live", "/end"])
@pytest.mark.parametrize("has_effect", [True, False])
def test_after_a_lost_answer_the_session_is_read(run: Run, made: str, lost: Any, call: str, has_effect: bool) -> None:
    asked, wanted = (LIVE, "live") if call == "/go_live" else (ENDED, "ended")
    run.service.sessions[made]["status"] = "scheduled" if call == "/go_live" else "live"
    answers = [lost]

    def once(_answer: Any = None) -> Any:
        return answers.pop() if answers else _answer

    if has_effect:
        on_answer_of(run, call, once)
    else:
        run.service.on_request = lambda request: once() if request.path.endswith(call) else None
    done = only(run.apply(event(asked)))
    assert (done.error, done.session and done.session.status) == (None, wanted)
    assert run.service.sessions[made]["status"] == wanted


def test_a_key_in_a_lost_answer_is_requested_again(run: Run, foreign: str) -> None:
    answers: list[Any] = [drop]
    on_answer_of(run, "/go_live", lambda answer: answers.pop() if answers else answer)
    done = only(run.apply(event(KEYNOTE, policy=GO_LIVE)))
    assert done.error is None
    assert run.kept_keys() == {foreign: run.service.keys[foreign]}


def test_a_key_that_cannot_be_stored_does_not_hide_that_the_session_is_live(
    run: Run, foreign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: Any) -> None:
        raise LedgerError("the disk is full.")

    monkeypatch.setattr(Ledger, "adopt", broken)
    done = only(run.apply(event(LIVE, policy=GO_LIVE)))
    assert "it was put on air, but its stream key could not be kept: the disk is full." in (done.error or "")
    assert (done.changed, done.session and done.session.status) == (True, "live")


@pytest.mark.slow
def test_forty_sessions_are_all_asked_to_go_live_before_the_wait_for_them(run: Run) -> None:
    run.service.add_room("Main stage")
    asked = event(*(replace(LIVE, title=f"Talk {number}") for number in range(40)))
    live_at: dict[str, float] = {}
    run.service.status_after_go_live = "scheduled"

    def on_request(request: Request) -> None:
        _empty, _sessions, session_id, *call = request.path.split("/")
        if call == ["go_live"]:
            live_at[session_id] = time.monotonic() + 5.0
        if request.method == "GET" and time.monotonic() > live_at.get(session_id, time.monotonic()):
            run.service.sessions[session_id]["status"] = "live"

    run.service.on_request = on_request
    applied = run.apply(asked, wait_timeout=60.0)
    assert [(done.error, done.session and done.session.status) for done in applied.sessions] == [(None, "live")] * 40
    # Four at a time, with five seconds each, would take fifty seconds.
    assert time.monotonic() - max(live_at.values()) < 5.0
    assert max(live_at.values()) - min(live_at.values()) < 20.0


def test_a_session_id_of_another_session_does_not_erase_the_key_of_one_that_no_list_shows_yet(
    run: Run, made: str
) -> None:
    theirs = run.service.add_session(next(iter(run.service.rooms)), "Keynote", KEYNOTE.preset_id)
    ours = run.service.sessions.pop(made)
    plan = run.plan(event(replace(LIVE, session_id=theirs), policy=GO_LIVE))
    run.service.sessions[made] = ours
    done = only(run.apply_plan(plan, policy=GO_LIVE))
    assert (done.error, done.session and done.session.id) == (None, theirs)
    assert run.kept_keys() == {one: run.service.keys[one] for one in (made, theirs)}


def test_a_session_id_of_another_session_does_not_erase_the_key_of_ours(run: Run, made: str) -> None:
    room_id = next(iter(run.service.rooms))
    theirs = run.service.add_session(room_id, "Keynote", KEYNOTE.preset_id)
    for policy in (GO_LIVE, Policy(on_missing_key="ignore")):
        run.service.sessions[theirs]["status"] = "scheduled"
        done = only(run.apply(event(replace(LIVE, session_id=theirs), policy=policy)))
        assert done.error is None
        assert run.kept_keys()[made] == run.service.keys[made]
        assert run.kept_keys()[theirs] == run.service.keys[theirs]
    # Without the id, our session fills the slot as before, and nothing is removed.
    again = only(run.apply(event(KEYNOTE)))
    assert (again.session and again.session.id, again.error, again.changed) == (made, None, False)
    assert run.service.current("Keynote") == [made, theirs]
