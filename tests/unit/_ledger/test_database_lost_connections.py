# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection to PostgreSQL is cut at each message of a run, before or after the server has executed it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Literal

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import LedgerError, WebinarError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import database
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.lease_owner import new_owner
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Slot, open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.api import WebinarApi

from tests.postgresql import PostgreSQL

from ..creation_scene import Scene
from ..ledger_cases import SLOT, claimed, new_key, only_row, opened
from ..small_service import SmallService
from .cut_proxy import CutProxy, cut_proxy

Lost = Literal["request", "response"]
ADOPTED = new_key()


@pytest.fixture
def proxy(postgresql: PostgreSQL) -> Iterator[CutProxy]:
    with cut_proxy(postgresql.port) as running:
        yield running


@pytest.fixture
def through_proxy(team_settings: LedgerSettings, postgresql: PostgreSQL, proxy: CutProxy) -> LedgerSettings:
    return replace(team_settings, url=team_settings.url.replace(f":{postgresql.port}/", f":{proxy.port}/"))


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses before retries, in seconds, which the tests do not wait for."""
    pauses: list[float] = []
    monkeypatch.setattr(database, "sleep", pauses.append)
    return pauses


def ended_owner() -> str:
    """Return the name of a run that has ended, so that the next run does not wait for its lease."""
    boot, pid, started, random = new_owner().split(":")
    return f"{boot}:{pid}:{int(started) - 1}:{random}"


def run_once(settings: LedgerSettings, service: SmallService, api: WebinarApi, room_id: str) -> str | None:
    """Use the ledger like a run: open, read, claim, renew, keep, withdraw, retire, adopt. Return the error, if any."""
    try:
        ledger = open_ledger(settings, Redactor(), ended_owner())
        assert ledger is not None
        with closing(ledger):
            scene = Scene(service, ledger, api, room_id, lambda: ledger)
            ledger.rows(api.url, [room_id])
            made = scene.create()
            assert made.thing is not None
            withdrawn = ledger.claim(Slot(api.url, "session", room_id, "Withdrawn"), [], 60.0)
            assert isinstance(withdrawn, Claim)
            ledger.withdraw(withdrawn)
            ledger.retire(api.url, ["no such session"])
            ledger.adopt(Slot(api.url, "session", f"beside {room_id}", "Adopted"), f"adopted {room_id}", ADOPTED)
    except WebinarError as error:
        return str(error)
    return None


def count_messages(proxy: CutProxy, run: Callable[[], str | None]) -> int:
    proxy.arm(None, stays_down=False)
    assert run() is None
    return proxy.sent


@pytest.mark.parametrize("lost", ["request", "response"])
@pytest.mark.parametrize("stays_down", [False, True])
def test_after_a_lost_connection_a_run_succeeds_or_reports_it_and_the_next_run_succeeds(
    lost: Lost,
    stays_down: bool,
    through_proxy: LedgerSettings,
    team_settings: LedgerSettings,
    proxy: CutProxy,
    service: SmallService,
    api: WebinarApi,
) -> None:
    rooms = (service.add_room(f"Room {number}") for number in itertools.count())
    # The first run creates the schema.
    assert run_once(through_proxy, service, api, next(rooms)) is None
    count = count_messages(proxy, lambda: run_once(through_proxy, service, api, next(rooms)))
    assert count > 20
    failed = 0
    # If the server stays down, a lost request and a lost response are the same, so each tests half of the messages.
    first, step = (1, 1) if not stays_down else (1, 2) if lost == "request" else (2, 2)
    for number in range(first, count + 1, step):
        room_id = next(rooms)
        proxy.arm(number, lost, stays_down=stays_down)
        message = run_once(through_proxy, service, api, room_id)
        assert message is None or "ledger" in message, message
        assert message is None or "unit-" not in message, message
        failed += message is not None
        if message is not None:
            proxy.arm(None, stays_down=False)
            assert run_once(through_proxy, service, api, room_id) is None
        (session_id,) = [entry["id"] for entry in service.sessions.values() if entry["room_id"] == room_id]
        with closing(opened(team_settings, writable=False)) as ledger:
            (row,) = ledger.rows(api.url, [room_id])
            adopted = ledger.rows(api.url, [f"beside {room_id}"])
        assert [one.key for one in adopted] == [ADOPTED]
        assert (row.phase, row.object_id) == ("created", session_id)
        assert row.key is not None
        assert row.key.stream_key == service.keys[session_id]
    # If the server responds again, the run retries. Only the opening of the ledger may fail.
    assert failed > count / 4 if stays_down else failed <= 3


def test_a_key_that_cannot_be_stored_is_reported_and_its_session_is_replaced(
    through_proxy: LedgerSettings,
    proxy: CutProxy,
    service: SmallService,
    api: WebinarApi,
    slept: list[float],
) -> None:
    room_id = service.add_room("Main stage")

    def cut_during_the_post(request: object) -> None:
        if getattr(request, "method", "") == "POST":
            proxy.arm(1, stays_down=True)

    service.on_request = cut_during_the_post
    message = run_once(through_proxy, service, api, room_id)
    service.on_request = lambda _request: None
    (first,) = service.current("Keynote")
    assert message is not None
    assert f"'Keynote' ({first}) was created, but its stream key could not be kept" in message
    assert 40 < sum(slept) < 90
    proxy.arm(None, stays_down=False)
    assert run_once(through_proxy, service, api, room_id) is None
    (second,) = service.current("Keynote")
    assert second != first


@pytest.mark.parametrize("lost", ["request", "response"])
def test_a_key_whose_commit_is_not_acknowledged_is_stored_once(
    lost: Lost, through_proxy: LedgerSettings, proxy: CutProxy
) -> None:
    ledger, key = opened(through_proxy), new_key()
    for number in range(1, 12):
        slot = replace(SLOT, title=f"Talk {number}")
        claim = claimed(ledger, slot)
        proxy.arm(number, lost, stays_down=False)
        ledger.keep(claim, "created", f"s{number}", key)
        proxy.arm(None, stays_down=False)
    rows = ledger.rows(SLOT.api, [SLOT.parent])
    assert [(row.phase, row.object_id, row.key) for row in rows] == [
        ("created", f"s{number}", key) for number in range(1, 12)
    ]
    ledger.close()


def test_a_run_continues_after_the_server_ended_all_connections(
    team_settings: LedgerSettings, postgresql: PostgreSQL
) -> None:
    ledger, key = opened(team_settings), new_key()
    claim = claimed(ledger)
    database = team_settings.url.rpartition("/")[2]
    with postgresql.connect() as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database]
        ).fetchall()
    assert ended == [(True,)]
    ledger.keep(claim, "created", "s1", key)
    assert only_row(ledger).key == key
    ledger.close()


def test_an_unreachable_server_is_reported_at_once(
    team_settings: LedgerSettings, postgresql: PostgreSQL, slept: list[float]
) -> None:
    nowhere = replace(team_settings, url=team_settings.url.replace(f":{postgresql.port}/", ":1/"))
    for writable in (True, False):
        with pytest.raises(LedgerError, match=r"cannot be opened: .*[Rr]efused.*Nothing was changed"):
            open_ledger(nowhere, Redactor(), new_owner(), writable=writable)
    assert sum(slept) < 1


@pytest.mark.parametrize("lost", ["request", "response"])
def test_a_run_recognises_its_own_claim_whose_commit_was_not_acknowledged(
    lost: Lost, through_proxy: LedgerSettings, proxy: CutProxy
) -> None:
    ledger = opened(through_proxy)
    for number in range(1, 12):
        proxy.arm(number, lost, stays_down=False)
        claim = claimed(ledger, replace(SLOT, title=f"Talk {number}"))
        assert not claim.inherited
        proxy.arm(None, stays_down=False)
        assert ledger.renew(claim, 60.0)
    assert len(ledger.entries()) == 11
    ledger.close()
