# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.
"""Waits until all sessions that were put on air are live, reading them concurrently."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from .._core.errors import WebinarError
from .._core.model import Session
from .._service.api import WebinarApi
from .outcomes import SessionOutcome

# Seconds between two readings.
LIVE_POLL = 0.5


def when_live(
    sessions: Sequence[SessionOutcome],
    api: WebinarApi,
    wait_timeout: float,
    sleep: Callable[[float], None],
    run: Callable[[Callable[[SessionOutcome], SessionOutcome], Sequence[SessionOutcome]], Iterable[SessionOutcome]],
) -> list[SessionOutcome]:
    """Read the sessions that were put on air until each is live, for ``wait_timeout`` seconds at most.

    ``run`` maps a function over them, as a thread pool does.
    """
    outcomes = list(sessions)
    give_up = time.monotonic() + wait_timeout
    while True:
        waiting = [place for place, one in enumerate(outcomes) if one.awaits_live]
        if not waiting:
            return outcomes
        is_last = time.monotonic() > give_up

        def look(outcome: SessionOutcome, *, is_last: bool = is_last) -> SessionOutcome:
            return _looked_at(outcome, api, wait_timeout, is_last=is_last)

        for place, outcome in zip(waiting, run(look, [outcomes[place] for place in waiting]), strict=True):
            outcomes[place] = outcome
        if not is_last and any(one.awaits_live for one in outcomes):
            sleep(LIVE_POLL)


def _looked_at(outcome: SessionOutcome, api: WebinarApi, wait_timeout: float, *, is_last: bool) -> SessionOutcome:
    session = outcome.session
    if session is None:
        return replace(outcome, awaits_live=False)
    try:
        now: Session | None = api.session(session.id)
    except WebinarError as error:
        if not is_last:
            return outcome
        message = f"it was put on air, but not seen to be live: {error}"
        return replace(outcome, awaits_live=False, error=outcome.error or message)
    if now is not None and now.status == "live":
        return replace(outcome, session=now, awaits_live=False)
    if not is_last and now is not None and now.is_current:
        return outcome
    message = (
        f"the session {session.id} was put on air, and is {now.status if now else 'gone'} after "
        f"{wait_timeout:g} seconds. Raise wait_timeout, or look at the service's own status."
    )
    return replace(outcome, session=now or session, awaits_live=False, error=outcome.error or message)
