# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Error responses in the three published shapes (contract, ``components.responses`` and ``ErrorResponse``)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any


class Refusal(Exception):
    """A request that the service refuses, with the HTTP status and the JSON body of the response."""

    def __init__(self, status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def problem(field: str, code: str, message: str) -> dict[str, str]:
    return {"field": field, "code": code, "message": message}


def with_error(status: int, message: str | None = None, headers: Mapping[str, str] | None = None) -> Refusal:
    """``{success, error, message?, timestamp}``; ``message`` is what the contract calls "dev mode only"."""
    body: dict[str, Any] = {"success": False, "error": _phrase(status), "timestamp": int(time.time())}
    if message is not None:
        body["message"] = message
    return Refusal(status, body, headers)


def with_code(status: int, code: str, message: str) -> Refusal:
    """``{success, code, message}``"""
    return Refusal(status, {"success": False, "code": code, "message": message})


def bad_request(message: str) -> Refusal:
    return with_error(400, message)


def missing_credentials() -> Refusal:
    return with_code(
        401,
        "auth_type_not_found",
        "Neither a bearer token in Authorization nor an X-API-Key header was found in the request.",
    )


def wrong_credentials() -> Refusal:
    return with_code(401, "unauthorized", "The credentials are not valid.")


def ambiguous_credentials() -> Refusal:
    return with_code(401, "auth_type_ambiguous", "Send a bearer token or an API key, once, and not both.")


def forbidden(message: str) -> Refusal:
    return with_code(403, "forbidden", message)


def not_found(what: str) -> Refusal:
    return Refusal(404, {"success": False, "message": f"{what} not found"})


def conflict(what_is: str) -> Refusal:
    """The shape with ``error`` only: a client that reads only ``message`` would have no text."""
    return Refusal(409, {"success": False, "error": what_is, "timestamp": int(time.time())})


def invalid(problems: Sequence[Mapping[str, str]]) -> Refusal:
    """``{success, message, errors: [{field, code, message}]}``"""
    return Refusal(422, {"success": False, "message": "Invalid Request", "errors": [dict(item) for item in problems]})


def over_quota(status: int, message: str) -> Refusal:
    """The response to an account that has reached its quota; services use different statuses."""
    if status == 422:
        return invalid([problem("quota", "quota_exceeded", message)])
    return with_error(status, message) if status == 402 else with_code(status, "quota_exceeded", message)


def bad_parameter(status: int, name: str, message: str) -> Refusal:
    """The response to a page that does not exist, or to a limit that is too large."""
    if status == 422:
        return invalid([problem(name, "validation_range", message)])
    return bad_request(message) if status == 400 else not_found("Page")


def for_status(status: int) -> Refusal:
    """Return the response of a fault with a status and without a body."""
    if status == 422:
        return invalid([problem("body", "validation_failed", "The request was refused on demand.")])
    if status == 429:
        return with_code(status, "rate_limited", "Too many requests.")
    if status in (401, 403):
        return with_code(status, "unauthorized" if status == 401 else "forbidden", "Refused on demand.")
    return with_error(status, "Answered on demand.")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
