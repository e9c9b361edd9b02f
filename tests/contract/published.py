# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The published contract, and checks that a response conforms to it.

The document neither requires nor forbids any property of a response, so that ``{}`` would be a valid room. The checks
here are stricter: only documented properties are allowed, and the envelope must be complete.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import requests
from openapi_schema_validator import OAS30ReadValidator, oas30_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT4

Json = dict[str, Any]
OperationId = tuple[str, str]

DOCUMENT_PATH = Path(__file__).resolve().parents[3] / "shared" / "contract" / "webinar-openapi.json"
ABSENT = (
    f"the published contract is not beside the repository (../{DOCUMENT_PATH.relative_to(DOCUMENT_PATH.parents[2])})"
)
METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options", "trace"})
RESPONSE_OF_STATUS = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    422: "Unprocessable Entity",
    500: "Internal Server Error",
}


@cache
def document() -> Json:
    return dict(json.loads(DOCUMENT_PATH.read_text(encoding="utf-8")))


def operations() -> dict[OperationId, Json]:
    """Return the document's operations by (METHOD, path)."""
    return {
        (method.upper(), path): operation
        for path, item in document()["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def assert_valid_success(operation_id: OperationId, answer: requests.Response) -> Json:
    """Check a 2xx response against its operation's schema, and return its ``data``."""
    documented = operations()[operation_id]["responses"]
    assert str(answer.status_code) in documented, f"{operation_id} answered {answer.status_code}: {answer.text[:300]}"
    body = _body(answer)
    _assert_valid({"$ref": "#/components/schemas/SuccessResponse"}, body)
    assert body["success"] is True
    assert body.keys() == {"success", "data", "timestamp"}
    content = documented[str(answer.status_code)].get("content")
    if content:
        schema = content["application/json"]["schema"]
        _assert_valid(schema, body)
        _assert_valid(_closed(_schema_of_data(schema)), body["data"])
    return dict(body["data"])


def assert_valid_error(answer: requests.Response, status: int | None = None) -> Json:
    """Check the body of an error response: it must have one of the published shapes, the one for its status."""
    assert answer.status_code >= 400, f"{answer.status_code} is no error: {answer.text[:300]}"
    if status is not None:
        assert answer.status_code == status, f"{answer.status_code} instead of {status}: {answer.text[:300]}"
    body = _body(answer)
    assert body["success"] is False
    published = RESPONSE_OF_STATUS.get(answer.status_code)
    if published:
        _assert_valid(_response_schema(published), body)
    shapes = [document()["components"]["schemas"]["ErrorResponse"], *map(_response_schema, RESPONSE_OF_STATUS.values())]
    assert any(not _problems(_closed(shape), body) for shape in shapes), f"no published shape of error: {body}"
    assert body.keys() & {"error", "message"}, f"the error says nothing: {body}"
    return body


def problems_of(schema_name: str, value: object) -> list[str]:
    """Return the violations of one of the document's named schemas by a value."""
    return _problems({"$ref": f"#/components/schemas/{schema_name}"}, value)


def _body(answer: requests.Response) -> Json:
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert isinstance(body, dict)
    return body


def _response_schema(name: str) -> Json:
    return dict(document()["components"]["responses"][name]["content"]["application/json"]["schema"])


def _schema_of_data(schema: Mapping[str, Any]) -> Json:
    """Return the schema of ``data``: the last one in the parts of ``allOf``."""
    return [dict(part["properties"]["data"]) for part in schema["allOf"] if "data" in part.get("properties", {})][-1]


def _closed(schema: Mapping[str, Any]) -> Json:
    """Return the schema with all references resolved and without additional properties in described objects."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        return _closed(document()["components"]["schemas"][name])
    closed = copy.deepcopy(dict(schema))
    if "properties" in closed:
        closed["properties"] = {name: _closed(inner) for name, inner in closed["properties"].items()}
        closed["additionalProperties"] = False
    if "items" in closed:
        closed["items"] = _closed(closed["items"])
    return closed


@cache
def _registry() -> Registry[Json]:
    resource = DRAFT4.create_resource(document())
    empty: Registry[Json] = Registry()
    return cast("Registry[Json]", empty.with_resource("urn:contract", resource))


def _errors(schema: Mapping[str, Any], value: object) -> Iterator[Any]:
    absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:contract#/'))
    validator = OAS30ReadValidator(absolute, registry=_registry(), format_checker=oas30_format_checker)
    return iter(validator.iter_errors(value))


def _problems(schema: Mapping[str, Any], value: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in _errors(schema, value)]


def _assert_valid(schema: Mapping[str, Any], value: object) -> None:
    problems = _problems(schema, value)
    assert not problems, "; ".join(problems)
