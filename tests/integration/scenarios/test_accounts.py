# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several accounts share a ledger, for example if only TENBYTE_API_KEY differs between staging and production."""

from __future__ import annotations

import pytest

from tests.integration.controller import Controller
from tests.simulator.server import Simulator

from .runs import (
    Json,
    assert_no_change_and_keys_kept,
    assert_no_change_and_no_warning,
    event,
    reading_keys,
    reason,
    result,
    results,
    results_of,
    rooms_of,
    run,
    succeeded,
)

KEYNOTE = rooms_of("Keynote")


@pytest.mark.parametrize("hidden", [(), ("host", "host_id")], ids=["with hosts", "without hosts"])
def test_each_account_has_its_own_rooms_sessions_and_keys(
    simulator: Simulator, controller: Controller, hidden: tuple[str, ...]
) -> None:
    simulator.variant.hidden_room_fields = hidden
    keys = [simulator.service.user(name).api_key for name in ("host", "stranger")]
    in_turn = results(controller, *(event(KEYNOTE, api_key=keys[number % 2]) for number in range(4)))
    assert [succeeded(one)["changed"] for one in in_turn] == [True, True, False, False]
    found = [(one["room_id"], one["id"], one["stream_key_fingerprint"]) for (one,) in map(sessions_of, in_turn)]
    assert found[:2] == found[2:]
    assert not set(found[0]) & set(found[1])
    hosts = [simulator.service.rooms[room_id].host.username for room_id, _id, _fingerprint in found[:2]]
    assert hosts == ["host", "stranger"]
    assert len(simulator.service.sessions) == 2
    # The lookup finds the keys of both accounts in the ledger.
    assert_no_change_and_keys_kept(simulator, controller, event(KEYNOTE), found[0][1], found[1][1])


def sessions_of(result: Json) -> list[Json]:
    found: list[Json] = result["sessions"]
    return found


def test_the_id_of_another_accounts_room_is_refused(simulator: Simulator, controller: Controller) -> None:
    simulator.variant.stranger_status = 404
    (ours,) = succeeded(result(controller, event(KEYNOTE)))["sessions"]
    simulator.journal.clear()
    theirs = simulator.service.user("stranger").api_key
    by_id = [{"room_id": ours["room_id"], "sessions": KEYNOTE[0]["sessions"]}]
    for refused in results(
        controller, *(event(by_id, api_key=theirs, state=state) for state in ("present", "live", "absent"))
    ):
        assert ours["room_id"] in reason(refused)
    assert simulator.journal.writes() == []
    assert_no_change_and_keys_kept(simulator, controller, event(KEYNOTE), ours["id"])


def test_a_new_credential_of_an_account_is_the_same_account(simulator: Simulator, controller: Controller) -> None:
    (ours,) = succeeded(result(controller, event(KEYNOTE)))["sessions"]
    new = simulator.service.change_credentials("host")
    controller.api_key = ""
    done = run(
        controller, event(KEYNOTE, api_key=new.api_key), event(KEYNOTE, api_token=new.token), reading_keys(ours["id"])
    )
    for again in results_of(done):
        assert_no_change_and_no_warning(again)
    assert list(simulator.service.sessions) == [ours["id"]]
