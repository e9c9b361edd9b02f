# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observe, plan, apply: the whole job in one function, for every action and for tests without Ansible."""

from __future__ import annotations

from dataclasses import dataclass

from .apply import apply_plan
from .lease_owner import new_owner
from .ledger import open_ledger
from .ledger_location import LedgerSettings
from .model import EventSpec
from .observe import observe
from .outcomes import Applied, planned
from .plan import Plan, make_plan
from .secrecy import Redactor
from .transport import Connection, Transport
from .webinar_api import WebinarApi


@dataclass(frozen=True)
class Outcome:
    plan: Plan
    applied: Applied


def ensure(
    connection: Connection, ledger_settings: LedgerSettings, asked: EventSpec, redactor: Redactor, *, check_mode: bool
) -> Outcome:
    """Make the service match ``asked``, or in check mode only find out how.

    Raise WebinarError before any writing call where the input, the credentials or the ledger cannot be used. What
    fails later, for one room or session, stands in the outcome.
    """
    # The ledger comes first: a key that could not be kept must not be created.
    ledger = open_ledger(ledger_settings, redactor, new_owner(), writable=not check_mode)
    transport = Transport(connection, redactor)
    try:
        api = WebinarApi(transport)
        plan = make_plan(asked, observe(api, ledger, asked, connection.concurrency))
        if check_mode or ledger is None:
            return Outcome(plan, planned(plan))
        wait_timeout = asked.policy.wait_timeout
        applied = apply_plan(plan, api, ledger, connection.timeout, connection.concurrency, wait_timeout)
        return Outcome(plan, applied)
    finally:
        transport.close()
        if ledger is not None:
            ledger.close()
