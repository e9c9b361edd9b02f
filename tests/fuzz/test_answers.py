# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random responses in the shapes of the contract, read one by one and by complete runs of the engine over HTTP."""

from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.results import event_result
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import WebinarError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    EventSpec,
    Policy,
    RoomSpec,
    SessionSpec,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.plain_text import one_line
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile import creation
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.ensure import ensure
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import ENCODING, SECRET, STATUS, check_message, check_plain, check_result, read_answer
from tests.unit.scripted_server import Answer, QuietHandler, send, serving

IS_LONG = "TENBYTE_TEST_FUZZ_SECONDS" in os.environ
FEW, MANY = (40, 300) if not IS_LONG else (1000, 5000)
# The tests do not measure the speed of this machine.
ANY_SPEED = list(HealthCheck)
ROOM_ID, SESSION_ID = "3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10", "6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21"
PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"

TELLING = (
    SECRET,
    f"a {SECRET} b",
    *("Main stage", "Keynote", ROOM_ID, SESSION_ID, PRESET, "live", "scheduled", "ended", "2027-05-04T09:00:00Z"),
    *("{{ 7 * 7 }}", "$(id)", "%i", "';\n", "\x1b[2J", "..", "a/../b", "9" * 300, ""),
    *("rtmp://ingest.example.com/live", f"rtmp://h/{SECRET}", "rtmp://h/;\nexec touch x"),
)
# Lone surrogates, NUL and special characters are likely. So are the names of the contract, which make responses valid.
texts = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(categories=["Cs", "Cc", "Cf"]), max_size=8),
    st.sampled_from(TELLING),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.integers(10**17, 10**400), st.floats(), texts)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
FIELDS = ("status", "mode", "preset", "room", "scheduled_start_time", "ended_at", "started_at", "hls_url", "created_at")
things = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from([ROOM_ID, SESSION_ID]) | values,
        "title": st.sampled_from(["Main stage", "Keynote"]) | values,
        "room_id": st.just(ROOM_ID) | values,
        "description": values,
        "analytics": values,
        "effective_max_join_limit": values,
        "effective_chat_enabled": values,
        **dict.fromkeys(FIELDS, values),
    },
)
data = st.one_of(
    values,
    things,
    st.fixed_dictionaries(
        {"rooms": st.lists(things, max_size=4) | values, "sessions": st.lists(things, max_size=4) | values},
        optional={"total": st.integers(0, 5) | values, "page": values, "limit": values},
    ),
    st.fixed_dictionaries(
        {"session": things | values, "room": things | values},
        optional={
            "stream_key": values,
            "rtmp_url": values,
            "rtmp": values,
            "rtmp_setup": values,
            "livekit_token": values,
        },
    ),
)
answers = st.one_of(
    st.fixed_dictionaries({"success": st.just(True), "data": data}, optional={"timestamp": values}),
    st.fixed_dictionaries(
        {"success": st.just(False) | values}, optional=dict.fromkeys(("error", "message", "code", "errors"), values)
    ),
    values,
)


def encoded(answer: Any) -> bytes:
    return json.dumps(answer).encode()


@settings(max_examples=MANY, deadline=None, suppress_health_check=ANY_SPEED)
@given(answers, st.sampled_from(range(len(STATUS))))
def test_every_response_is_read_or_is_an_error_of_one_line(answer: Any, status: int) -> None:
    read_answer(bytes([status, 0]) + encoded(answer))


@settings(max_examples=MANY, deadline=None, suppress_health_check=ANY_SPEED)
@given(st.binary(max_size=200), st.sampled_from(range(len(STATUS))), st.sampled_from(range(len(ENCODING))))
def test_any_bytes_are_read_or_are_an_error_of_one_line(body: bytes, status: int, encoding: int) -> None:
    read_answer(bytes([status, encoding]) + body)


@settings(max_examples=MANY, deadline=None, suppress_health_check=ANY_SPEED)
@given(texts)
def test_accepted_keys_and_urls_have_no_special_characters(text: str) -> None:
    check_plain(text.encode("utf-8", "surrogatepass"))


class Service:
    """Responds with the given responses in turn, from the first one again after the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.url = ""
        self.give([(200, {})])

    def give(self, replies: list[tuple[int, Any]]) -> None:
        with self._lock:
            self._replies = itertools.cycle(replies)

    def next(self) -> Answer:
        with self._lock:
            status, answer = next(self._replies)
        return Answer(status, encoded(answer))


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    made = Service()

    class Handler(QuietHandler):
        def answer(self) -> None:
            self.read_request()
            send(self, made.next())

    with serving(Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield made


ASKED = (
    SessionSpec("Keynote", preset_id=PRESET, scheduled_start_time="2027-05-04T09:00:00Z"),
    SessionSpec("Panel", preset_id=PRESET, state="live"),
    SessionSpec("Gone", state="absent"),
)


@settings(max_examples=FEW, deadline=None, suppress_health_check=ANY_SPEED)
@given(st.lists(st.tuples(st.sampled_from([200, 200, 200, 201, 404, 409, 500]), answers), min_size=1, max_size=8))
def test_a_complete_run_ends_with_a_result_or_an_error_of_one_line(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replies: list[tuple[int, Any]]
) -> None:
    monkeypatch.setattr(creation, "GRACE_PAUSES", ())
    monkeypatch.setattr(creation, "GRACE_TIME", 0.0)
    service.give(replies)
    redactor = Redactor()
    connection = Connection(service.url, api_key=SECRET, timeout=10.0, retries=0, concurrency=2)
    redactor.learn(SECRET)
    ledger = LedgerSettings(f"sqlite:///{tmp_path}/{os.urandom(8).hex()}/ledger.sqlite3")
    policy = Policy(on_missing_key="replace", replace="live", purge=True, wait_timeout=0.0)
    asked = EventSpec((RoomSpec(title="Main stage", description="Plenary", sessions=ASKED),), policy)
    for check_mode in (True, False):
        try:
            outcome = ensure(connection, ledger, asked, redactor, check_mode=check_mode)
        except WebinarError as error:
            check_message(one_line(redactor.text(str(error))))
            continue
        result = event_result(outcome, redactor, facts_before={}, run="1")
        check_result(result)
        check_message(one_line(result.get("msg", "")))
