# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session beside its slot that is gone, because a killed run or somebody else has removed it. No list shows that."""

from __future__ import annotations

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Claim, Slot

from ..engine_run import KEYNOTE, PRESET, Run, event
from ..scripted_server import Answer, Request, refusal


def half_replaced(run: Run) -> tuple[str, str]:
    """Kill a replacement after the new key is stored. Return the ids of the old session and the new one."""
    run.apply(event(KEYNOTE))
    (old,) = run.service.sessions
    room_id = run.service.sessions[old]["room_id"]
    claim = run.ledger.claim(Slot(run.api.url, "session", room_id, "Keynote"), [old], 60.0, replaced_id=old)
    assert isinstance(claim, Claim)
    new = run.service.add_session(room_id, "Keynote", PRESET)
    assert run.ledger.keep(claim, "created", new, StreamKey(run.service.keys[new]))
    run.writes()
    return old, new


@pytest.mark.parametrize("left", ["gone", "over"])
def test_the_key_of_a_replaced_session_that_is_gone_is_forgotten(run: Run, left: str) -> None:
    old, new = half_replaced(run)
    if left == "gone":
        del run.service.sessions[old]
    else:
        run.service.sessions[old]["status"] = "ended"
    assert set(run.kept_keys()) == {old, new}
    for _number in range(2):
        applied = run.apply(event(KEYNOTE))
        assert [*(room.error for room in applied.rooms), *(one.error for one in applied.sessions)] == [None, None]
        assert run.kept_keys() == {new: run.service.keys[new]}
    assert run.writes() == []


def test_a_session_that_a_list_omits_keeps_its_key(run: Run) -> None:
    old, new = half_replaced(run)
    room_id = run.service.sessions[old]["room_id"]
    # The list no longer shows it, though the service still has it.
    run.service.sessions[old]["room_id"] = "elsewhere"
    run.apply(event(KEYNOTE))
    assert set(run.kept_keys()) == {old, new}
    run.service.sessions[old]["room_id"] = room_id
    run.apply(event(KEYNOTE))
    assert set(run.kept_keys()) == {new}
    assert run.writes() == ["DELETE sessions"]


def test_a_list_that_cannot_be_read_makes_no_session_gone(run: Run) -> None:
    old, new = half_replaced(run)
    room_id = run.service.sessions[old]["room_id"]
    asked: list[str] = []

    def fail(request: Request) -> Answer | None:
        asked.append(request.path)
        return refusal(500) if request.path.startswith(f"/rooms/{room_id}/sessions") else None

    run.service.on_request = fail
    run.apply(event(KEYNOTE))
    assert set(run.kept_keys()) == {old, new}
    assert any(path.startswith(f"/rooms/{room_id}/sessions") for path in asked)
    assert not any(path.startswith("/sessions/") for path in asked)
