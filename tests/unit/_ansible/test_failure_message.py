# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.failure_message import (
    LONGEST_MESSAGE,
    failure_message,
    told_once,
)
from hypothesis import given
from hypothesis import strategies as st


def failed(*reasons: str, room: str = "Hall") -> list[dict[str, Any]]:
    return [{"room": room, "title": f"Talk {number}", "reason": reason} for number, reason in enumerate(reasons)]


@pytest.mark.parametrize(
    "reason",
    [
        "POST /rooms/{id}/sessions: 422 (request {id}).",
        "the session {id} exists, but the ledger does not hold its stream key.",
        "the session is titled '{number} days' by now",
        'the session is titled "{number} days" by now',
        "it was read after {number}.5 s",
        "the session {number} is live",
    ],
)
def test_reasons_that_differ_in_ids_numbers_and_titles_are_told_once(reason: str) -> None:
    reasons = [reason.format(id=uuid.uuid4(), number=number) for number in range(2000)]
    message = failure_message(failed(*reasons), 2500, 0)
    assert message.startswith("2000 of 2500 sessions failed. Hall/Talk 0, Hall/Talk 1, ")
    assert message.count("Hall/Talk 9 and 1,990 more: ") == 1
    assert len(message) < 500
    assert reasons[0] not in message


def test_what_the_reasons_have_in_common_is_told() -> None:
    reasons = [f"POST /rooms/{uuid.uuid4()}/sessions: 422: preset '{name}' is not known." for name in ("A", "A", "A")]
    (message,) = {failure_message(failed(*reasons), 3, 0)}
    assert message.endswith(": POST /rooms/\N{HORIZONTAL ELLIPSIS}/sessions: 422: preset 'A' is not known.")


def test_the_only_failure_of_its_kind_keeps_its_ids() -> None:
    message = failure_message(failed("the session id-0 is live", "the session id-1 is gone"), 2, 0)
    assert message.endswith("Hall/Talk 0: the session id-0 is live | Hall/Talk 1: the session id-1 is gone")


@pytest.mark.parametrize(
    ("count", "sessions", "rooms", "head"),
    [
        (1, 1, 0, "1 of 1 session failed. "),
        (1, 2, 0, "1 of 2 sessions failed. "),
        (2, 2, 1, "2 of 2 sessions and 1 room failed. "),
        (0, 5, 2, "2 rooms failed. "),
    ],
)
def test_the_message_begins_with_what_failed(count: int, sessions: int, rooms: int, head: str) -> None:
    of_rooms = [{"room": f"Room {number}", "title": None, "reason": "refused"} for number in range(rooms)]
    assert failure_message([*failed(*["no"] * count), *of_rooms], sessions, rooms).startswith(head)


def test_the_reason_that_most_share_comes_first() -> None:
    message = failure_message(failed("rare", "common", "common"), 3, 0)
    assert message.index("common") < message.index("rare")


def test_a_message_with_many_kinds_of_reasons_says_how_many_more_there_are() -> None:
    letters = "".join(chr(ord("a") + number) for number in range(20))
    reasons = ["common"] * 3 + [letters[: number + 1] * 30 for number in range(20)]
    message = failure_message(failed(*reasons), 23, 0)
    assert len(message) <= LONGEST_MESSAGE
    told = message.count("Hall/Talk")
    assert message.endswith(f"{23 - told} more failed for other reasons: see failed_sessions in the registered result.")


def test_the_only_reason_is_told_to_its_end() -> None:
    message = failure_message(failed(f"{'long ' * 500}. Check api_key."), 1, 0)
    assert message.endswith("Check api_key.")


@given(st.lists(st.text(max_size=5000), min_size=1, max_size=30), st.text(max_size=300))
def test_no_message_is_longer_than_a_page(reasons: list[str], room: str) -> None:
    assert len(failure_message(failed(*reasons, room=room), len(reasons), 0)) <= LONGEST_MESSAGE


def test_a_warning_that_many_sessions_share_is_told_once() -> None:
    reasons = [*(f"GET /sessions/{uuid.uuid4()}/health: 502" for _number in range(2000)), "refused"]
    shared, alone = told_once(failed(*reasons))
    assert shared.endswith("Hall/Talk 9 and 1,990 more: GET /sessions/\N{HORIZONTAL ELLIPSIS}/health: 502")
    assert alone == "Hall/Talk 2000: refused"


def test_the_time_grows_with_the_failures_and_not_with_their_square() -> None:
    reasons = [f"the session {uuid.uuid4()} was refused, {'x' * 500}" for _number in range(10_000)]
    began = time.process_time()
    failure_message(failed(*reasons), 10_000, 0)
    assert time.process_time() - began < 5
