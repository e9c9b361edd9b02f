# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.rows import AccountNames
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Busy, Claim, Slot

from ..ledger_cases import ELSEWHERE, OpenRun, both_databases

API = "https://api.invalid"
# What runs of one account may know of it: its credential, a token and its subject, or the host as well.
KNOWN = (
    AccountNames(None, ("credential fp-1",)),
    AccountNames(None, ("subject 7", "credential fp-1")),
    AccountNames("host-1", ("subject 7", "credential fp-1")),
)


def slot(names: AccountNames, title: str = "Main stage", api: str = API) -> Slot:
    return Slot(api, "room", names.host or names.credential[0], title)


@both_databases
@pytest.mark.parametrize("is_early_first", [True, False])
@pytest.mark.parametrize("early", KNOWN[:2])
def test_a_room_is_one_slot_whatever_a_run_knows_of_its_account(
    open_run: OpenRun, early: AccountNames, is_early_first: bool
) -> None:
    first, second = (early, KNOWN[2]) if is_early_first else (KNOWN[2], early)
    assert isinstance(open_run(ELSEWHERE).claim(slot(first), [], 60.0, account=first), Claim)
    assert isinstance(open_run().claim(slot(second), [], 60.0, account=second), Busy)


@both_databases
def test_the_host_of_a_credential_is_remembered_for_runs_that_do_not_know_it(open_run: OpenRun) -> None:
    early, _token, late = KNOWN
    claim = open_run(ELSEWHERE).claim(slot(early), [], 60.0, account=early)
    assert isinstance(claim, Claim)
    open_run().assign_rooms([claim.row_id], "host-1", late)
    assert isinstance(open_run().claim(slot(early), [], 60.0, account=early), Busy)
    other = open_run().claim(slot(early, "Workshop"), [], 60.0, account=early)
    assert isinstance(other, Claim)
    assert other.slot == slot(late, "Workshop")


@both_databases
def test_other_accounts_and_other_services_have_slots_of_their_own(open_run: OpenRun) -> None:
    for names, api in (
        (KNOWN[2], API),
        (AccountNames("host-2", ("credential fp-2",)), API),
        (AccountNames(None, ("credential fp-3",)), API),
        (KNOWN[0], "https://other.invalid"),
    ):
        claim = open_run(ELSEWHERE).claim(slot(names, api=api), [], 60.0, account=names)
        assert isinstance(claim, Claim)
        assert claim.slot == slot(names, api=api)
