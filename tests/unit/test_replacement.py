# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session that is replaced, while the service answers each of the two calls with something else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils import creation as creation_module

from .engine_run import KEYNOTE, OTHER_PRESET, Run, event
from .scripted_server import Answer, Request, refusal

BEFORE, AFTER = event(KEYNOTE), event(replace(KEYNOTE, preset_id=OTHER_PRESET))


@pytest.fixture
def old(run: Run, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of the session that is to be replaced."""
    monkeypatch.setattr(creation_module, "GRACE_PAUSES", (0.0,))
    monkeypatch.setattr(creation_module, "GRACE_TIME", 0.0)
    run.service.add_room("Main stage")
    run.apply(BEFORE)
    (session_id,) = run.service.current("Keynote")
    run.service.journal.clear()
    return session_id


def assert_replaced(run: Run, old: str) -> None:
    (new,) = run.service.current("Keynote")
    assert new != old
    assert run.service.sessions[new]["preset"]["id"] == OTHER_PRESET
    assert run.kept_keys() == {new: run.service.keys[new]}


@pytest.mark.parametrize("status", [403, 409, 500, 503])
def test_a_session_that_cannot_be_deleted_keeps_its_place_and_its_key(run: Run, old: str, status: int) -> None:
    run.service.on_request = lambda request: refusal(status) if request.method == "DELETE" else None
    (done,) = run.apply(AFTER).sessions
    assert done.error is not None
    assert run.service.count("POST") == 0
    assert run.service.current("Keynote") == [old]
    assert run.kept_keys() == {old: run.service.keys[old]}
    run.service.on_request = lambda _request: None
    run.apply(AFTER)
    assert_replaced(run, old)


@pytest.mark.parametrize("status", [404, 500, 502, 504])
def test_a_session_whose_deletion_is_answered_by_an_error_is_replaced_once(run: Run, old: str, status: int) -> None:
    def delete_and_fail(request: Request) -> Answer | None:
        if request.method == "DELETE":
            run.service.sessions.pop(old, None)
            return refusal(status)
        return None

    run.service.on_request = delete_and_fail
    run.apply(AFTER)
    run.service.on_request = lambda _request: None
    run.apply(AFTER)
    assert_replaced(run, old)
    assert run.service.count("POST") == 1


@pytest.mark.parametrize("fault", ["refused-422", "lost-drop", "late-drop", "done-drop"])
def test_a_replacement_whose_creation_failed_is_created_by_the_next_run(run: Run, old: str, fault: str) -> None:
    run.service.faults = [fault] * 3
    (done,) = run.apply(AFTER).sessions
    assert done.error is not None
    assert old not in run.service.sessions
    run.service.faults = []
    run.service.commit_late()
    run.apply(AFTER)
    assert_replaced(run, old)
