# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the service's answers: their bytes within bounds, their data, and their refusals as one sentence each."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from .errors import AnswerLost, GarbledAnswer, ServiceError
from .secrecy import Redactor

LARGEST_ANSWER = 32 * 1024 * 1024
_ADVICE = {
    401: " Check api_key or api_token.",
    403: " The account of api_key or api_token may not do this; rooms belong to the host who created them.",
    429: " Lower concurrency, or run again later.",
}


def content_of(response: requests.Response, what: str) -> bytes:
    """Return the body; raise AnswerLost where it is larger than an answer can be."""
    parts, size = [], 0
    for part in response.iter_content(65536):
        size += len(part)
        if size > LARGEST_ANSWER:
            raise AnswerLost(f"{what}: the answer is larger than {LARGEST_ANSWER // 2**20} MiB and was cut off.")
        parts.append(part)
    return b"".join(parts)


def answer_of(response: requests.Response, content: bytes, what: str, redactor: Redactor) -> dict[str, Any]:
    """Return a successful answer; raise ServiceError for a refusal, GarbledAnswer for what is not such JSON."""
    if response.is_redirect or 300 <= response.status_code < 400:
        raise ServiceError(
            f"{what} was answered with a redirect (HTTP {response.status_code}), which is not followed, because "
            "it would carry the credential elsewhere. Is api_url right?",
            status=response.status_code,
        )
    try:
        answer = json.loads(content) if content.strip() else None
    except (ValueError, RecursionError):
        answer = content
    if response.status_code >= 400 or (isinstance(answer, dict) and answer.get("success") is False):
        raise _service_error(response, answer, what, redactor)
    if isinstance(answer, bytes) or (answer is not None and not isinstance(answer, dict)):
        raise GarbledAnswer(f"{what} was answered with something that is not the service's JSON. Is api_url right?")
    return answer or {}


def timestamp_of(answer: dict[str, Any]) -> int | None:
    """Return the service's own time of an answer, in seconds since 1970 (the contract's ``timestamp``)."""
    timestamp = answer.get("timestamp")
    return timestamp if isinstance(timestamp, int) and not isinstance(timestamp, bool) and timestamp > 0 else None


def _service_error(response: requests.Response, answer: Any, what: str, redactor: Redactor) -> ServiceError:
    """Turn any of the contract's three error shapes, or none of them, into one sentence.

    Secrets are masked before anything is shortened, because half a secret would no longer be recognised.
    """
    code, details = None, []
    if isinstance(answer, dict):
        code = answer.get("code") if isinstance(answer.get("code"), str) else None
        details = [answer[key] for key in ("error", "message") if isinstance(answer.get(key), str) and answer[key]]
        errors = answer.get("errors")
        for item in errors if isinstance(errors, list) else []:
            if isinstance(item, dict):
                details.append(f"{item.get('field')}: {item.get('message') or item.get('code')}")
    request_id = response.headers.get("X-Request-Id")
    said = "; ".join(dict.fromkeys(redactor.text(str(detail))[:300] for detail in details)) or "no reason given"
    named = "".join(
        f", {label} {redactor.text(value)[:100]}" for label, value in (("code", code), ("request", request_id)) if value
    )
    advice = _ADVICE.get(response.status_code, "")
    message = f"{what} was refused by the service: {said} (HTTP {response.status_code}{named}).{advice}"
    return ServiceError(
        redactor.text(message),
        status=response.status_code,
        code=code,
        request_id=request_id,
        retry_after=_retry_after(response.headers.get("Retry-After")),
    )


def _retry_after(value: str | None) -> float | None:
    """Read Retry-After as seconds from now (RFC 9110, section 10.2.3: a number of seconds or a date)."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]+", value.strip(), re.ASCII):
        return float(value)
    try:
        instant = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=timezone.utc)
    return max(0.0, (instant - datetime.now(timezone.utc)).total_seconds())
