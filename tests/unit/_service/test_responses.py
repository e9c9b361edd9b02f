# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import AnswerLost, ServiceError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import MASK
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.responses import timestamp_of
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Transport

from ..scripted_server import Script, refusal

Connect = Callable[..., Transport]


def refused(script: Script, connect: Connect, status: int, body: object, **headers: str) -> ServiceError:
    script.expect(refusal(status, body, **headers))
    with pytest.raises(ServiceError) as caught:
        connect(script.url).write("POST", "/rooms", {})
    return caught.value


def test_the_plain_error_shape_becomes_a_message(script: Script, connect: Connect) -> None:
    body = {"success": False, "error": "conflict", "message": "room is busy", "timestamp": 1700000000}
    error = refused(script, connect, 409, body)
    assert "conflict; room is busy (HTTP 409)" in str(error)
    assert (error.status, error.code) == (409, None)


def test_the_error_shape_with_fields_becomes_a_message_with_each_field(script: Script, connect: Connect) -> None:
    errors = [{"field": "title", "code": "min", "message": "too short"}, {"field": "preset_id", "code": "uuid"}]
    error = refused(script, connect, 422, {"success": False, "message": "validation failed", "errors": errors})
    assert "validation failed; title: too short; preset_id: uuid" in str(error)


def test_the_error_shape_with_a_code_becomes_a_message_with_the_code(script: Script, connect: Connect) -> None:
    body = {"success": False, "code": "forbidden", "message": "not your room"}
    error = refused(script, connect, 403, body, X_Request_Id="req-17")
    assert (error.code, error.request_id) == ("forbidden", "req-17")
    assert "code forbidden, request req-17" in str(error)


@pytest.mark.parametrize(("status", "option"), [(401, "api_key or api_token"), (403, "api_key or api_token")])
def test_the_error_about_a_refused_credential_names_its_options(
    script: Script, connect: Connect, status: int, option: str
) -> None:
    assert option in str(refused(script, connect, status, {"success": False, "error": "unauthorized"}))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{", {"error": 7, "errors": [3, None], "code": {}}])
def test_an_error_response_without_a_known_shape_becomes_a_message(
    script: Script, connect: Connect, body: object
) -> None:
    assert "no reason given" in str(refused(script, connect, 400, body))


@pytest.mark.parametrize("errors", [5, True, "text", {"title": "short"}])
def test_field_errors_of_another_type_are_ignored(script: Script, connect: Connect, errors: object) -> None:
    assert "no reason given" in str(refused(script, connect, 422, {"success": False, "errors": errors}))


@pytest.mark.parametrize("shape", ["error", "message", "code", "field", "header"])
def test_a_credential_that_an_error_response_quotes_is_masked(
    script: Script, connect: Connect, api_key: str, shape: str
) -> None:
    body: dict[str, object] = {"success": False}
    headers = {}
    if shape == "field":
        body["errors"] = [{"field": api_key, "message": f"{api_key} is unknown"}]
    elif shape == "header":
        headers = {"X_Request_Id": api_key}
    else:
        body[shape] = f"the key {api_key} is unknown"
    error = refused(script, connect, 401, body, **headers)
    assert api_key not in str(error)
    assert MASK in str(error)


def test_a_credential_that_a_server_error_quotes_is_masked(script: Script, connect: Connect, api_key: str) -> None:
    script.expect(refusal(500, {"success": False, "error": f"panic with {api_key}"}))
    with pytest.raises(AnswerLost) as caught:
        connect(script.url).write("POST", "/rooms", {})
    assert api_key not in str(caught.value)
    assert MASK in str(caught.value)


@pytest.mark.parametrize("shape", ["error", "code", "header"])
def test_a_quoted_credential_is_masked_before_the_text_is_cut(
    script: Script, connect: Connect, api_key: str, shape: str
) -> None:
    limit = 300 if shape == "error" else 100
    text = "x" * (limit - 15) + api_key
    body = {"success": False} if shape == "header" else {"success": False, shape: text}
    error = refused(script, connect, 400, body, **({"X_Request_Id": text} if shape == "header" else {}))
    assert api_key[:10] not in str(error)


def test_a_long_reason_is_shortened(script: Script, connect: Connect) -> None:
    error = refused(script, connect, 400, {"success": False, "error": secrets.token_hex(5000)})
    assert len(str(error)) < 600


@pytest.mark.parametrize(
    "said",
    [
        'duplicate entry {"stream_key": "SECRET"}',
        "stream key: SECRET is taken",
        "token=SECRET",
        "Authorization: Bearer SECRET",
        "publish to rtmp://ingest.example.com/live/SECRET failed",
        "LiveKit said eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJob3N0In0.SECRET",
        "no room for SECRET",
    ],
)
def test_an_unknown_secret_is_not_quoted(script: Script, connect: Connect, said: str) -> None:
    secret = f"sk_live_{secrets.token_hex(12)}"
    said = said.replace("SECRET", secret)
    error = refused(
        script, connect, 409, {"success": False, "error": said, "errors": [{"field": "x", "message": said}]}
    )
    assert secret[8:] not in str(error)
    assert MASK in str(error)


@pytest.mark.parametrize("form", ["ab12-cd34-ef56-gh78", "abcd-1234-efgh-5678-ijkl", "UUID"])
def test_an_unknown_key_of_any_form_is_not_quoted(script: Script, connect: Connect, form: str) -> None:
    key = str(uuid.uuid4()) if form == "UUID" else form
    for body in ({"error": f"{key} is on air"}, {"code": key}, {"errors": [{"field": key, "message": f"x/{key}"}]}):
        error = refused(script, connect, 409, {"success": False, **body})
        assert key not in str(error)
        assert MASK in str(error)


def test_titles_and_times_are_quoted(script: Script, connect: Connect) -> None:
    said = "'Keynote-2027-of-the-Main-Stage' is on-air and overlaps 2027-05-04T09:00:00Z"
    assert said in str(refused(script, connect, 409, {"success": False, "error": said}))


def test_only_the_ids_of_the_request_are_quoted(script: Script, connect: Connect) -> None:
    room, preset, other = (str(uuid.uuid4()) for _id in range(3))
    said = f"No preset has the id {preset.upper()} in the room {room}"
    script.expect(refusal(422, {"success": False, "error": f"{said}; see {other}"}))
    with pytest.raises(ServiceError) as caught:
        connect(script.url).write("POST", f"/rooms/{room}/sessions", {"title": "Keynote", "preset_id": preset})
    assert f"{said}; see {MASK}" in str(caught.value)


def test_a_request_id_is_quoted_unless_it_is_a_known_secret(script: Script, connect: Connect) -> None:
    request_id = str(uuid.uuid4())
    assert f"request {request_id}" in str(refused(script, connect, 409, {}, X_Request_Id=request_id))
    script.expect(refusal(409, X_Request_Id=request_id))
    transport = connect(script.url)
    transport.redactor.learn(request_id)
    with pytest.raises(ServiceError) as caught:
        transport.write("POST", "/rooms", {})
    assert request_id not in str(caught.value)


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        (1_700_000_000, 1_700_000_000),
        (1_700_000_000.75, 1_700_000_000),
        (1_700_000_000_000, None),
        (1_700_000_000_000_000_000, None),
        (12_345, None),
        (0, None),
        (-62_135_596_800, None),
        ("1700000000", None),
        (True, None),
        (None, None),
        ([], None),
    ],
)
def test_only_a_timestamp_in_seconds_is_used(timestamp: object, seconds: int | None) -> None:
    assert timestamp_of({"timestamp": timestamp}) == seconds


def test_control_characters_of_an_error_response_are_replaced(script: Script, connect: Connect) -> None:
    error = refused(
        script, connect, 400, {"success": False, "error": "no\x1b[31m\nok: [localhost]\u202e", "code": "\x07"}
    )
    assert "no\ufffd[31m ok: [localhost]\ufffd (HTTP 400, code \ufffd)" in str(error)


def test_an_error_response_with_thousands_of_field_errors_becomes_a_short_message(
    script: Script, connect: Connect
) -> None:
    errors = [{"field": str(number), "message": "x" * 30} for number in range(20_000)]
    assert len(str(refused(script, connect, 422, {"success": False, "errors": errors}))) < 2000


@pytest.mark.parametrize("size", [2**20, 2**22])
def test_an_error_response_of_any_size_is_a_service_error(script: Script, connect: Connect, size: int) -> None:
    error = refused(script, connect, 409, b'{"error": "' + b"x" * size + b'"}')
    assert error.status == 409
    assert len(str(error)) < 1000


def test_an_error_response_in_an_unknown_encoding_is_a_service_error(script: Script, connect: Connect) -> None:
    assert "no reason given" in str(refused(script, connect, 409, b"\x8b\x00", Content_Encoding="br"))


@pytest.mark.parametrize(
    "value", ["3\x1c\x1d", "\x1f", "9" * 5000, "Sun, 99 Foo 99999999 99:99:99 GMT", "-1", "nan", "\xb2"]
)
def test_an_invalid_retry_after_is_ignored(script: Script, connect: Connect, value: str) -> None:
    error = refused(script, connect, 422, {"success": False}, Retry_After=value)
    assert error.retry_after is None or error.retry_after >= 0
