# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import (
    AnswerLost,
    GarbledAnswer,
    ServiceError,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.api import WebinarApi
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Transport

from ..scripted_server import Answer, Script, refusal, success

Connect = Callable[..., Transport]


@pytest.fixture
def scripted_api(script: Script, connect: Connect) -> WebinarApi:
    return WebinarApi(connect(script.url))


def nothing(*_arguments: object) -> None:
    """Do nothing, as ``before_each`` or ``before_wait``."""


@pytest.mark.parametrize("data", [{"id": "r1", "title": "Main"}, {"room": {"id": "r1", "title": "Main"}}])
def test_a_room_is_read_from_data_or_from_its_member_room(
    script: Script, scripted_api: WebinarApi, data: object
) -> None:
    script.expect(success(data))
    room = scripted_api.room("r1")
    assert room is not None
    assert (room.id, room.title) == ("r1", "Main")
    assert (script.requests[0].method, script.requests[0].path) == ("GET", "/rooms/r1")


@pytest.mark.parametrize(
    "data", [{"id": "s1", "room": {"id": "r1"}}, {"session": {"id": "s1", "room_id": "r1"}, "rtmp": {}}]
)
def test_a_session_is_read_from_data_or_from_its_member_session(
    script: Script, scripted_api: WebinarApi, data: object
) -> None:
    script.expect(success(data))
    session = scripted_api.session("s1")
    assert session is not None
    assert (session.id, session.room_id) == ("s1", "r1")


def test_a_room_or_session_that_is_not_found_is_none(script: Script, scripted_api: WebinarApi) -> None:
    script.expect(refusal(404), refusal(404))
    assert scripted_api.room("r1") is None
    assert scripted_api.session("s1") is None


def test_a_session_that_may_not_be_read_is_an_error(script: Script, scripted_api: WebinarApi) -> None:
    script.expect(refusal(403))
    with pytest.raises(ServiceError):
        scripted_api.session("s1")


@pytest.mark.parametrize("data", [{"room": {"id": "r1", "title": "Main"}}, {"id": "r1", "title": "Main"}])
def test_a_created_room_is_returned(script: Script, scripted_api: WebinarApi, data: object) -> None:
    script.expect(success(data, 201))
    assert scripted_api.create_room({"title": "Main"}, nothing, nothing).id == "r1"
    assert json.loads(script.requests[0].body) == {"title": "Main"}


@pytest.mark.parametrize("data", [None, {}, {"room": {}}, {"room": None}, ["x"]])
def test_a_created_room_without_an_id_is_a_lost_answer(script: Script, scripted_api: WebinarApi, data: object) -> None:
    script.expect(success(data, 201))
    with pytest.raises(GarbledAnswer):
        scripted_api.create_room({"title": "Main"}, nothing, nothing)


def test_a_created_session_is_returned_with_its_key_and_ingest_url(script: Script, scripted_api: WebinarApi) -> None:
    stream_key = f"unit-stream-{secrets.token_hex(8)}"
    data = {"session": {"id": "s1"}, "stream_key": stream_key, "rtmp_url": "rtmp://ingest.invalid/live"}
    script.expect(success(data, 201))
    created = scripted_api.create_session("r1", {"title": "Keynote"}, nothing, nothing)
    assert script.requests[0].path == "/rooms/r1/sessions"
    assert created.session is not None
    assert created.key is not None
    assert (created.session.id, created.key.stream_key) == ("s1", stream_key)
    assert created.key.rtmp_url == "rtmp://ingest.invalid/live"
    assert stream_key not in repr(created)


def test_a_key_is_masked_as_soon_as_it_is_received(script: Script, connect: Connect, scripted_api: WebinarApi) -> None:
    transport = connect(script.url)
    stream_key = f"unit-stream-{secrets.token_hex(8)}"
    script.expect(success({"stream_key": stream_key}, 201), refusal(400, {"success": False, "error": stream_key}))
    api = WebinarApi(transport)
    api.create_session("r1", {}, nothing, nothing)
    with pytest.raises(ServiceError) as caught:
        api.end_session("s1")
    assert stream_key not in str(caught.value)


@pytest.mark.parametrize("key", [None, "", 7, {"a": 1}])
def test_a_stream_key_that_is_not_a_string_is_none(script: Script, scripted_api: WebinarApi, key: object) -> None:
    script.expect(success({"session": {"id": "s1"}, "stream_key": key, "rtmp_url": 7}, 201))
    created = scripted_api.create_session("r1", {}, nothing, nothing)
    assert created.key is None
    assert created.session is not None


@pytest.mark.parametrize(
    "answer", [Answer(201, b""), success(None, 201), success([], 201), success({"session": 7}, 201)]
)
def test_a_created_session_that_the_response_does_not_identify_is_none(
    script: Script, scripted_api: WebinarApi, answer: Answer
) -> None:
    script.expect(answer)
    created = scripted_api.create_session("r1", {}, nothing, nothing)
    assert (created.session, created.key) == (None, None)


def test_lists_omit_items_without_an_id(script: Script, scripted_api: WebinarApi) -> None:
    script.expect(success({"rooms": [{"id": "r1"}, {"title": "x"}], "total": 1, "limit": 100}))
    script.expect(success({"sessions": [{"id": "s1"}], "total": 1, "limit": 100}))
    assert [room.id for room in scripted_api.my_rooms()] == ["r1"]
    assert [session.id for session in scripted_api.sessions("r1")] == ["s1"]
    assert [request.path.partition("?")[0] for request in script.requests] == ["/rooms/my", "/rooms/r1/sessions"]


def test_the_response_to_deleting_or_ending_needs_no_body(script: Script, scripted_api: WebinarApi) -> None:
    script.expect(Answer(204), Answer(200))
    scripted_api.delete_session("s1")
    scripted_api.end_session("s2")
    assert [(request.method, request.path) for request in script.requests] == [
        ("DELETE", "/sessions/s1"),
        ("POST", "/sessions/s2/end"),
    ]


@pytest.mark.parametrize("gone", [True, False])
@pytest.mark.parametrize("thing", ["room", "session"])
def test_after_a_lost_response_to_a_deletion_the_object_is_read(
    script: Script, connect: Connect, thing: str, gone: bool
) -> None:
    api = WebinarApi(connect(script.url, retries=0))
    script.expect(refusal(502), refusal(404) if gone else success({"id": "x1"}))
    delete = api.delete_room if thing == "room" else api.delete_session
    if gone:
        delete("x1")
    else:
        with pytest.raises(AnswerLost):
            delete("x1")
    assert [(one.method, one.path) for one in script.requests] == [
        ("DELETE", f"/{thing}s/x1"),
        ("GET", f"/{thing}s/x1"),
    ]


def test_going_live_returns_key_and_urls_from_either_member(script: Script, scripted_api: WebinarApi) -> None:
    key = f"unit-stream-{secrets.token_hex(8)}"
    forms = (
        {"rtmp": {"url": "rtmp://ingest.invalid/live", "stream_key": key}, "whip_url": "https://ingest.invalid/w"},
        {"rtmp_setup": {"server": "rtmp://ingest.invalid/live", "stream_key": key}},
    )
    script.expect(*(success(form) for form in forms))
    first, second = (scripted_api.go_live("s1", needs_key=True) for _form in forms)
    assert first is not None
    assert first == StreamKey(key, "rtmp://ingest.invalid/live", "https://ingest.invalid/w")
    assert second == StreamKey(key, "rtmp://ingest.invalid/live")


def test_going_live_fails_if_the_session_never_becomes_live(script: Script, connect: Connect) -> None:
    api = WebinarApi(connect(script.url, retries=0), sleep=lambda _seconds: None)
    script.expect(*[refusal(502), success({"id": "s1", "status": "scheduled"})] * 3)
    with pytest.raises(AnswerLost):
        api.go_live("s1", needs_key=False)


def test_a_refusal_to_end_is_an_error_while_the_session_is_live(script: Script, scripted_api: WebinarApi) -> None:
    script.expect(refusal(409), success({"id": "s1", "status": "live"}))
    with pytest.raises(ServiceError):
        scripted_api.end_session("s1")
