# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import (
    LedgerError,
    StreamKeyMissing,
    WebinarError,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    Policy,
    RoomSpec,
    SessionSpec,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import location
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.stream_keys import stream_keys_of
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile import progress
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.ensure import Outcome, ensure
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection
from cryptography.fernet import Fernet

from ..scripted_server import Answer, Request, refusal
from ..small_service import SmallService

PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"
ASKED = EventSpec((RoomSpec(title="Main stage", sessions=(SessionSpec("Keynote", preset_id=PRESET),)),))


def run(
    service: SmallService,
    settings: LedgerSettings,
    api_key: str,
    *,
    check_mode: bool = False,
    asked: EventSpec = ASKED,
) -> Outcome:
    connection = Connection(service.url, api_key=api_key, timeout=5.0, retries=0, concurrency=4)
    return ensure(connection, settings, asked, Redactor(), check_mode=check_mode)


def test_the_keys_of_created_sessions_can_be_looked_up(
    service: SmallService, ledger_settings: LedgerSettings, api_key: str
) -> None:
    (done,) = run(service, ledger_settings, api_key).applied.sessions
    assert done.session is not None
    assert stream_keys_of(ledger_settings, [done.session.id], Redactor()) == [service.keys[done.session.id]]
    assert stream_keys_of(ledger_settings, [done.session.id.upper()], Redactor()) == [service.keys[done.session.id]]


def test_check_mode_only_reads_and_leaves_no_file(
    service: SmallService, ledger_settings: LedgerSettings, api_key: str, tmp_path: Path
) -> None:
    outcome = run(service, ledger_settings, api_key, check_mode=True)
    assert [step.action for step in outcome.plan.steps()] == ["create_room", "create_session"]
    assert {method for method, _path in service.journal} == {"GET"}
    assert {path.name for path in tmp_path.iterdir()} == {"home"}


def test_check_mode_plans_what_the_run_then_does(
    service: SmallService, ledger_settings: LedgerSettings, api_key: str
) -> None:
    foretold = list(run(service, ledger_settings, api_key, check_mode=True).plan.steps())
    assert list(run(service, ledger_settings, api_key).plan.steps()) == foretold
    assert list(run(service, ledger_settings, api_key, check_mode=True).plan.steps()) == []


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("fault", ["unwritable", "wrong key", "no key"])
def test_without_a_usable_ledger_no_call_is_made(
    service: SmallService, ledger_settings: LedgerSettings, api_key: str, tmp_path: Path, fault: str, check_mode: bool
) -> None:
    settings = ledger_settings
    if fault == "unwritable":
        (tmp_path / "file").touch()
        settings = LedgerSettings(f"sqlite:///{tmp_path}/file/ledger.sqlite3")
    else:
        run(service, ledger_settings, api_key)
        service.journal.clear()
    if fault == "wrong key":
        settings = LedgerSettings(ledger_settings.url, key=Fernet.generate_key().decode())
    if fault == "no key":
        location.key_file(ledger_settings).unlink()
    with pytest.raises(LedgerError, match="ledger"):
        run(service, settings, api_key, check_mode=check_mode)
    assert service.journal == []


def test_with_refused_credentials_no_writing_call_is_made(
    service: SmallService, ledger_settings: LedgerSettings, api_key: str
) -> None:
    service.on_request = lambda _request: refusal(401)
    with pytest.raises(WebinarError, match="api_key"):
        run(service, ledger_settings, api_key)
    assert {method for method, _path in service.journal} == {"GET"}


def test_a_missing_ledger_is_named(ledger_settings: LedgerSettings) -> None:
    with pytest.raises(StreamKeyMissing, match="ledger_url"):
        stream_keys_of(ledger_settings, ["s1"], Redactor())
    assert not location.database_file(ledger_settings).parent.exists()


def test_a_session_without_a_key_is_named(service: SmallService, ledger_settings: LedgerSettings, api_key: str) -> None:
    run(service, ledger_settings, api_key)
    with pytest.raises(StreamKeyMissing, match="id 'nobody'"):
        stream_keys_of(ledger_settings, ["nobody"], Redactor())


def test_a_key_that_is_unsafe_in_a_configuration_file_is_stored_but_not_returned(
    service: SmallService, ledger_settings: LedgerSettings, api_key: str
) -> None:
    service.key_suffix = "\nexec evil"
    (done,) = run(service, ledger_settings, api_key).applied.sessions
    assert done.session is not None
    assert done.key is not None
    with pytest.raises(StreamKeyMissing, match="not passed to an encoder") as caught:
        stream_keys_of(ledger_settings, [done.session.id], Redactor())
    assert "evil" not in str(caught.value)


def test_a_session_whose_id_the_service_writes_in_capitals_is_found(
    service: SmallService, ledger_settings: LedgerSettings, api_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = service.add_session

    def in_capitals(room_id: str, title: str, preset_id: str | None = None, status: str = "scheduled") -> str:
        session_id = real(room_id, title, preset_id, status)
        entry, key = service.sessions.pop(session_id), service.keys.pop(session_id)
        entry["id"] = session_id.upper()
        service.sessions[entry["id"]], service.keys[entry["id"]] = entry, key
        return str(entry["id"])

    monkeypatch.setattr(service, "add_session", in_capitals)
    (done,) = run(service, ledger_settings, api_key).applied.sessions
    assert done.session is not None
    assert stream_keys_of(ledger_settings, [done.session.id], Redactor()) == [service.keys[done.session.id]]


def ended(*titles: str, policy: Policy | None = None) -> EventSpec:
    sessions = tuple(SessionSpec(title, state="ended") for title in titles)
    return EventSpec((RoomSpec(title="Main stage", sessions=sessions),), policy or Policy())


@pytest.mark.parametrize("fault", ["wrong key", "no key", "unwritable"])
def test_a_session_is_ended_without_a_usable_ledger_and_the_run_says_so(
    service: SmallService, ledger_settings: LedgerSettings, api_key: str, tmp_path: Path, fault: str
) -> None:
    (done,) = run(service, ledger_settings, api_key).applied.sessions
    assert done.session is not None
    service.sessions[done.session.id]["status"] = "live"
    settings = broken(ledger_settings, tmp_path, fault)
    service.journal.clear()
    outcome = run(service, settings, api_key, check_mode=True, asked=ended("Keynote"))
    assert [step.action for step in outcome.steps()] == ["end_session"]
    assert service.sessions[done.session.id]["status"] == "live"
    outcome = run(service, settings, api_key, asked=ended("Keynote"))
    assert service.sessions[done.session.id]["status"] == "ended"
    assert [(one.error, one.changed) for one in outcome.applied.sessions] == [(None, True)]
    assert "without the ledger" in outcome.notes[0]
    # The key is erased by the next run whose ledger opens.
    if fault == "unwritable":
        run(service, ledger_settings, api_key, asked=ended("Keynote"))
        with pytest.raises(StreamKeyMissing):
            stream_keys_of(ledger_settings, [done.session.id], Redactor())


def broken(settings: LedgerSettings, tmp_path: Path, fault: str) -> LedgerSettings:
    if fault == "wrong key":
        return LedgerSettings(settings.url, key=Fernet.generate_key().decode())
    if fault == "no key":
        location.key_file(settings).unlink()
        return settings
    (tmp_path / "file").touch()
    return LedgerSettings(f"sqlite:///{tmp_path}/file/ledger.sqlite3")


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(ended("Keynote", policy=Policy(purge=True)), id="purge"),
        pytest.param(EventSpec((*ended("Keynote").rooms, RoomSpec(title="Old", state="absent"))), id="a room removed"),
        pytest.param(EventSpec((*ended("Keynote").rooms, *ASKED.rooms)), id="a session created"),
    ],
)
def test_only_ending_works_without_a_ledger(
    service: SmallService, ledger_settings: LedgerSettings, api_key: str, tmp_path: Path, asked: EventSpec
) -> None:
    settings = broken(ledger_settings, tmp_path, "unwritable")
    with pytest.raises(LedgerError):
        run(service, settings, api_key, asked=asked)
    assert service.journal == []


def test_without_a_ledger_none_of_several_sessions_of_a_title_is_chosen(
    service: SmallService, ledger_settings: LedgerSettings, api_key: str, tmp_path: Path
) -> None:
    room_id = service.add_room("Main stage")
    ids = [service.add_session(room_id, "Keynote", PRESET, "live") for _each in range(2)]
    settings = broken(ledger_settings, tmp_path, "unwritable")
    (done,) = run(service, settings, api_key, asked=ended("Keynote")).applied.sessions
    assert all(one in (done.error or "") for one in ids)
    assert {entry["status"] for entry in service.sessions.values()} == {"live"}


@pytest.mark.parametrize("check_mode", [True, False])
def test_without_a_ledger_a_run_plans_and_makes_only_endings(
    service: SmallService, ledger_settings: LedgerSettings, api_key: str, check_mode: bool
) -> None:
    (made,) = run(service, ledger_settings, api_key).applied.sessions
    assert made.session is not None
    service.sessions[made.session.id]["status"] = "live"
    location.key_file(ledger_settings).unlink()
    room = RoomSpec(title="Main stage", description="All day", sessions=(SessionSpec("Keynote", state="ended"),))
    outcome = run(service, ledger_settings, api_key, check_mode=check_mode, asked=EventSpec((room,)))
    assert [step.action for step in outcome.steps()] == ["end_session"]
    (done,) = outcome.applied.rooms
    assert (done.changed, done.room and done.room.description) == (False, None)
    assert "waits until the ledger can be used" in " ".join(done.notes)
    (ended,) = outcome.applied.sessions
    assert (ended.changed, ended.session and ended.session.status) == (True, "ended")
    assert service.sessions[made.session.id]["status"] == ("live" if check_mode else "ended")


@pytest.mark.slow
def test_a_long_run_counts_what_failed_and_says_that_the_service_limits_the_rate(
    service: SmallService, ledger_settings: LedgerSettings, api_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.05)
    sessions = tuple(SessionSpec(f"Talk {number}", preset_id=PRESET) for number in range(12))
    asked = EventSpec((RoomSpec(title="Main stage", sessions=sessions),))
    answers = iter([None, refusal(429)])

    def answer(request: Request) -> Answer | None:
        return next(answers, None) if request.method == "POST" else None

    service.on_request = answer
    lines: list[str] = []
    connection = Connection(service.url, api_key=api_key, timeout=5.0, retries=0, concurrency=2)
    outcome = ensure(connection, ledger_settings, asked, Redactor(), check_mode=False, tell=lines.append)
    assert sum(1 for one in outcome.applied.sessions if one.error) == 1
    of_sessions = [line for line in lines if " sessions" in line]
    assert any("/12 sessions (1 failed)" in line for line in of_sessions)
    assert of_sessions[-1].endswith("; the service limits the rate")
