# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls every operation of the published contract at a running simulator, and validates every response."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import response_schema_conformance

from tests.simulator.operations import OPERATIONS

from . import published
from .conftest import RTMP_PRESET, TIMEOUT, WHIP_PRESET, Client
from .published import OperationId

pytestmark = pytest.mark.skipif(not published.DOCUMENT_PATH.exists(), reason=published.ABSENT)

# For each operation, a function that prepares a successful call and returns the path's id and the JSON body.
Preparation = Callable[[Client], tuple[str, dict[str, Any] | None]]
PREPARATIONS: dict[OperationId, Preparation] = {
    ("GET", "/rooms"): lambda _client: ("", None),
    ("POST", "/rooms"): lambda _client: ("", {"title": "Hall 1", "description": "", "analytics": {}}),
    ("GET", "/rooms/my"): lambda _client: ("", None),
    ("GET", "/rooms/{id}"): lambda client: (client.new_room(), None),
    ("PATCH", "/rooms/{id}"): lambda client: (client.new_room(), {"title": "Hall 2"}),
    ("DELETE", "/rooms/{id}"): lambda client: (client.new_room(), None),
    ("GET", "/rooms/{id}/sessions"): lambda client: (_room_with_sessions(client), None),
    ("POST", "/rooms/{id}/sessions"): lambda client: (
        client.new_room(),
        {
            "title": "Keynote",
            "preset_id": WHIP_PRESET,
            "description": "",
            "mode": "rtmp",
            "scheduled_start_time": "2030-01-01T10:00:00+02:00",
        },
    ),
    ("GET", "/sessions"): lambda _client: ("", None),
    ("GET", "/sessions/live"): lambda client: (client.new_session(status="live") and "", None),
    ("GET", "/sessions/stats"): lambda _client: ("", None),
    ("GET", "/sessions/{id}"): lambda client: (client.new_session(status="ended"), None),
    ("DELETE", "/sessions/{id}"): lambda client: (client.new_session(), None),
    ("POST", "/sessions/{id}/join"): lambda client: (client.new_session(status="live"), None),
    ("POST", "/sessions/{id}/go_live"): lambda client: (client.new_session(preset_id=WHIP_PRESET), None),
    ("POST", "/sessions/{id}/ensure_hls_egress"): lambda client: (client.new_session(status="live"), None),
    ("POST", "/sessions/{id}/start"): lambda client: (client.new_session(), None),
    ("POST", "/sessions/{id}/start_webcam_hls"): lambda client: (
        client.new_session(status="live", mode="webcam"),
        None,
    ),
    ("POST", "/sessions/{id}/end"): lambda client: (client.new_session(status="live"), None),
    ("PATCH", "/sessions/{id}/reschedule"): lambda client: (
        client.new_session(),
        {"scheduled_start_time": "2030-01-01T10:00:00Z"},
    ),
    ("PATCH", "/sessions/{id}/settings"): lambda client: (
        client.new_session(),
        {"chat_enabled": False, "stage_enabled": True, "max_join_limit": 7},
    ),
    ("POST", "/sessions/{id}/host_video_state"): lambda client: (client.new_session(status="live"), None),
    ("POST", "/sessions/{id}/host_audio_state"): lambda client: (client.new_session(status="live"), None),
    ("GET", "/sessions/{id}/monitor"): lambda client: (client.new_session(), None),
    ("GET", "/sessions/{id}/stream_health"): lambda client: (client.new_session(), None),
}
ALL = sorted(PREPARATIONS)
SECURED = [item for item in ALL if not OPERATIONS[item[1]][item[0]].public]
WITH_ID = [item for item in ALL if "{id}" in item[1]]
WITH_BODY = [item for item in ALL if OPERATIONS[item[1]][item[0]].body is not None]
HOST_ONLY = [item for item in ALL if OPERATIONS[item[1]][item[0]].host_only]


def _room_with_sessions(client: Client) -> str:
    room_id = client.new_room()
    for status in ("scheduled", "live", "ended"):
        client.new_session(room_id, status=status, description="About", scheduled_start_time="2030-01-01T10:00:00Z")
    return room_id


def _call(client: Client, operation: OperationId, id_in_path: str = "", **options: Any) -> requests.Response:
    method, path = operation
    return client.call(method, path.replace("{id}", id_in_path), **options)


def each(operations: list[OperationId]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", operations, ids=[" ".join(item) for item in operations])


def test_every_operation_of_the_contract_is_tested() -> None:
    assert set(published.operations()) == set(PREPARATIONS)


def test_the_simulator_has_only_operations_of_the_contract() -> None:
    served = {(method, path) for path, methods in OPERATIONS.items() for method in methods}
    assert served == set(published.operations())


def test_operations_are_public_or_host_only_as_in_the_contract() -> None:
    for (method, path), documented in published.operations().items():
        operation = OPERATIONS[path][method]
        assert operation.public == (documented["security"] == []), (method, path)
        if "Host only" in documented["description"] and "{id}" in path:
            assert operation.host_only, (method, path)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("RoomResponse", {"id": "not-a-uuid"}),
        ("RoomResponse", {"created_at": "2026-01-01 10:00"}),
        ("SessionResponse", {"room": {"host": {"id": "1"}}}),
        ("SessionResponse", {"status": "paused"}),
    ],
)
def test_the_validation_of_the_tests_refuses_invalid_values(schema: str, value: dict[str, Any]) -> None:
    assert published.problems_of(schema, value)


@each(ALL)
def test_a_successful_response_conforms_to_its_schema(client: Client, operation: OperationId) -> None:
    id_in_path, body = PREPARATIONS[operation](client)
    answer = _call(client, operation, id_in_path, **({} if body is None else {"json": body}))
    published.assert_valid_success(operation, answer)


@each(SECURED)
def test_an_operation_refuses_missing_invalid_and_duplicate_credentials(client: Client, operation: OperationId) -> None:
    id_in_path, body = PREPARATIONS[operation](client)
    options: dict[str, Any] = {} if body is None else {"json": body}
    nobody = client.as_user(None)
    missing = published.assert_valid_error(_call(nobody, operation, id_in_path, **options), 401)
    assert missing["code"] == "auth_type_not_found"
    for headers in (
        {"Authorization": "Bearer sim-token-of-nobody"},
        {"Authorization": "Basic c2ltOnNpbQ=="},
        {"X-API-Key": "sim-token-host"},
        {"X-API-Key": "sim-api-key-host", "Authorization": "Bearer sim-token-host"},
    ):
        published.assert_valid_error(_call(nobody, operation, id_in_path, headers=headers, **options), 401)
    with_token = _call(nobody, operation, id_in_path, headers={"Authorization": "Bearer sim-token-host"}, **options)
    published.assert_valid_success(operation, with_token)


@each([item for item in ALL if item not in SECURED])
def test_a_public_operation_needs_no_credentials(client: Client, operation: OperationId) -> None:
    id_in_path, _body = PREPARATIONS[operation](client)
    published.assert_valid_success(operation, _call(client.as_user(None), operation, id_in_path))


@each(WITH_ID)
def test_an_unknown_id_is_not_found_and_a_malformed_one_is_invalid(
    client: Client, operation: OperationId, unknown_id: str
) -> None:
    _id_in_path, body = PREPARATIONS[operation](client)
    options: dict[str, Any] = {} if body is None else {"json": body}
    published.assert_valid_error(_call(client, operation, unknown_id, **options), 404)
    published.assert_valid_error(_call(client, operation, "not-a-uuid", **options), 422)


@each(HOST_ONLY)
def test_the_room_of_another_user_is_forbidden(client: Client, operation: OperationId) -> None:
    id_in_path, body = PREPARATIONS[operation](client)
    options: dict[str, Any] = {} if body is None else {"json": body}
    published.assert_valid_error(_call(client.as_user("other"), operation, id_in_path, **options), 403)


@each(WITH_BODY)
def test_a_body_that_violates_the_contract_is_refused(client: Client, operation: OperationId) -> None:
    id_in_path, body = PREPARATIONS[operation](client)
    as_json = {"Content-Type": "application/json"}
    for data in (b"", b"{", b"\xff\xfe", b'{"title": NaN}'):
        published.assert_valid_error(_call(client, operation, id_in_path, data=data, headers=as_json), 400)
    published.assert_valid_error(_call(client, operation, id_in_path, data={"title": "A form"}), 415)
    not_of_the_contract: list[object] = [[], "text", None, {**(body or {}), "colour": "red"}]
    for wrong in not_of_the_contract:
        data = json.dumps(wrong).encode()
        answer = published.assert_valid_error(_call(client, operation, id_in_path, data=data, headers=as_json), 422)
        assert all(item.keys() == {"field", "code", "message"} for item in answer["errors"])


@each([item for item in ALL if item not in WITH_BODY])
def test_a_body_is_refused_if_the_contract_has_none(client: Client, operation: OperationId) -> None:
    id_in_path, _body = PREPARATIONS[operation](client)
    published.assert_valid_error(_call(client, operation, id_in_path, json={"title": "Something"}), 422)


@each(ALL)
def test_an_unknown_method_or_parameter_is_refused(client: Client, operation: OperationId) -> None:
    id_in_path, body = PREPARATIONS[operation](client)
    answer = _call(client, ("PUT", operation[1]), id_in_path)
    published.assert_valid_error(answer, 405)
    assert operation[0] in answer.headers["Allow"]
    options: dict[str, Any] = {} if body is None else {"json": body}
    published.assert_valid_error(_call(client, operation, id_in_path, params={"colour": "red"}, **options), 422)


def test_the_errors_for_conflicts_and_unknown_paths_have_a_published_shape(client: Client) -> None:
    ended = client.new_session(status="ended")
    published.assert_valid_error(client.call("POST", f"/sessions/{ended}/start"), 409)
    for path in ("", "/", "/presets", "/rooms/", f"/sessions/{ended}/nothing", "/rooms/my/sessions/more"):
        published.assert_valid_error(client.call("GET", path), 404)
    outside = requests.get(client.sim.api_url.removesuffix("/v1/webinar") + "/elsewhere", timeout=TIMEOUT)
    published.assert_valid_error(outside, 404)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 422, 429, 500, 502, 503])
def test_an_error_on_demand_has_a_published_shape(client: Client, status: int) -> None:
    client.sim.faults.add("status", status=status)
    published.assert_valid_error(client.call("GET", "/rooms"), status)


SENSIBLE = {200, 201, 400, 401, 403, 404, 405, 409, 415, 422}
# Without shrinking, so that a failure is reported within seconds.
DRAWN = settings(
    max_examples=20,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def drawing_schema() -> Any:
    return schemathesis.openapi.from_path(published.DOCUMENT_PATH)


@each(ALL)
def test_responses_to_random_valid_requests_conform_to_the_contract_and_some_succeed(
    client: Client, drawing_schema: Any, operation: OperationId
) -> None:
    statuses: list[int] = []

    @DRAWN
    @given(case=drawing_schema[operation[1]][operation[0]].as_strategy(GenerationMode.POSITIVE))
    def drive(case: Any) -> None:
        if isinstance(case.body, dict) and "preset_id" in case.body:
            case.body["preset_id"] = RTMP_PRESET
        statuses.append(_answered_within_the_contract(client, operation, case))

    drive()
    assert min(statuses) < 300, f"none of {len(statuses)} requests succeeded: {sorted(set(statuses))}"


@each(WITH_BODY)
def test_random_invalid_requests_are_refused(client: Client, drawing_schema: Any, operation: OperationId) -> None:
    broken_bodies: list[Any] = []

    @DRAWN
    @given(case=drawing_schema[operation[1]][operation[0]].as_strategy(GenerationMode.NEGATIVE))
    def drive(case: Any) -> None:
        status = _answered_within_the_contract(client, operation, case)
        # The invalid part may be the id in the path or a credential, which are replaced here.
        body = case.meta.components.get(ParameterLocation.BODY)
        if body and body.mode == GenerationMode.NEGATIVE:
            broken_bodies.append(case.body)
            assert status >= 400, f"{case.body!r} was accepted"

    drive()
    assert broken_bodies


def _answered_within_the_contract(client: Client, operation: OperationId, case: Any) -> int:
    if "id" in case.path_parameters:
        case.path_parameters["id"] = _real_or_given(client, operation, case.path_parameters["id"])
    sent = case.as_transport_kwargs(base_url=client.sim.api_url, headers={"X-API-Key": "sim-api-key-host"})
    answer = client.http.request(**sent, timeout=TIMEOUT)
    case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])
    status = int(answer.status_code)
    assert status in SENSIBLE
    if status < 400:
        published.assert_valid_success(operation, answer)
    else:
        published.assert_valid_error(answer)
    return status


def _real_or_given(client: Client, operation: OperationId, given_id: Any) -> Any:
    """Return an existing id in three of four cases: with random ids, all responses would be 404."""
    statuses = ("scheduled", "live", "ended")
    choice = sum(str(given_id).encode()) % (len(statuses) + 1)
    if choice == len(statuses):
        return given_id
    return (
        client.new_room()
        if operation[1].startswith("/rooms")
        else client.new_session(status=statuses[choice], mode="webcam")
    )
