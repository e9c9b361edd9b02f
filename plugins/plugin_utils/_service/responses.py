# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Reads HTTP responses: the body within size limits, its JSON, and an error response as one message."""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from .._core.errors import AnswerLost, GarbledAnswer, ServiceError
from .._core.plain_text import one_line
from .._core.secrecy import Redactor
from .._core.unknown_secrets import without_unknown_secrets

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

# In bytes, unpacked.
LARGEST_ANSWER = 32 * 1024 * 1024
# In bytes. A larger body of an error response is ignored; the status is enough.
LARGEST_REFUSAL = 1024 * 1024
# Objects, lists and members, which take many times their bytes once parsed. Ten thousand sessions have about a million.
MOST_VALUES = 2_000_000
DEEPEST_ANSWER = 100
_MOST_GZIP_MEMBERS = 16
_LONGEST_QUOTED = 4096
_MOST_FIELD_ERRORS = 20
# From 2001 to the year 3000. Another number is no time in seconds since 1970, but milliseconds or an uptime.
_EARLIEST_TIMESTAMP = 1_000_000_000
_LATEST_TIMESTAMP = 32_503_680_000
_PART = 64 * 1024
# Other encodings have no bound on the output of one input byte.
ACCEPT_ENCODING = "gzip, deflate"
FEWER_REQUESTS = (
    "Set requests_per_second (or the variable tenbyte_requests_per_second) to what the service allows, lower "
    "concurrency (tenbyte_concurrency), or run again later."
)
_ADVICE = {
    401: " Check api_key or api_token.",
    403: " The account of api_key or api_token may not do this; rooms belong to the host who created them.",
    429: f" {FEWER_REQUESTS}",
}


@dataclass(frozen=True)
class Received:
    """A response that was read. ``content`` is its body, unpacked."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def received_from(response: BaseHTTPResponse, what: str) -> Received:
    """Read a response; raise AnswerLost if its body is incomplete or larger than LARGEST_ANSWER.

    An unreadable body of an error response counts as empty: the status is enough. ``what`` is the request's method and
    path, for messages.
    """
    is_refusal = response.status >= 400
    try:
        packed = _read(response, what, LARGEST_REFUSAL if is_refusal else LARGEST_ANSWER)
        content = _unpacked(packed, response.headers.get("Content-Encoding", ""), what)
    except AnswerLost:
        if not is_refusal:
            raise
        content = b""
    return Received(response.status, response.headers, content)


def _read(response: BaseHTTPResponse, what: str, largest: int) -> bytes:
    parts, size = [], 0
    # Not ``stream``: it unpacks without a limit, and reads a line with a chunk's length without a limit.
    while part := response.read(_PART, decode_content=False):
        size += len(part)
        if size > largest:
            raise _too_large(what)
        parts.append(part)
        if response.length_remaining == 0:
            break
    return b"".join(parts)


def _unpacked(content: bytes, encoding: str, what: str) -> bytes:
    names = [name for name in (part.strip().lower() for part in encoding.split(",")) if name not in ("", "identity")]
    if not names or not content:
        return content
    if len(names) > 1 or names[0] not in ("gzip", "x-gzip", "deflate"):
        raise GarbledAnswer(
            f"The response to {what} has the content encoding '{one_line(encoding)[:60]}', which was not requested. Is "
            "api_url right, or does a proxy change responses?"
        )
    # RFC 9110, section 8.4.1.2: "deflate" is the zlib format, but some servers send it without the zlib header.
    is_zlib = content[0] & 0x0F == 8 and int.from_bytes(content[:2], "big") % 31 == 0
    window = 31 if names[0] != "deflate" else 15 if is_zlib else -15
    parts, size = [], 0
    try:
        for _member in range(_MOST_GZIP_MEMBERS):
            unpacker = zlib.decompressobj(window)
            part = unpacker.decompress(content, LARGEST_ANSWER + 1 - size)
            size += len(part)
            parts.append(part)
            if size > LARGEST_ANSWER:
                raise _too_large(what)
            if not unpacker.eof:
                raise AnswerLost(f"{what}: the connection broke before the response was complete.")
            content = unpacker.unused_data
            if window != 31 or content[:2] != b"\x1f\x8b":
                return b"".join(parts)
    except zlib.error:
        raise GarbledAnswer(f"The response to {what} cannot be unpacked. Is api_url right?") from None
    raise GarbledAnswer(f"The response to {what} has more than {_MOST_GZIP_MEMBERS} gzip members. Is api_url right?")


def _too_large(what: str) -> AnswerLost:
    return AnswerLost(f"{what}: the response is larger than {LARGEST_ANSWER // 2**20} MiB and was cut off.")


def answer_of(received: Received, what: str, redactor: Redactor, sent: Iterable[str] = ()) -> dict[str, Any]:
    """Return the JSON object of a successful response, ``{}`` for an empty body.

    Raise ServiceError for an error response, GarbledAnswer for any other body. ``sent`` are the texts of the request:
    the message of an error may quote ids from them. Anything else that looks like a secret is masked.
    """
    if 300 <= received.status < 400:
        raise ServiceError(
            f"The response to {what} is a redirect (HTTP {received.status}). It is not followed, because another "
            "host would receive the credential. Is api_url right?",
            status=received.status,
        )
    answer = _parsed(received.content)
    if received.status >= 400 or (isinstance(answer, dict) and answer.get("success") is False):
        raise _service_error(received, answer, what, redactor, sent)
    if received.status < 200 or isinstance(answer, bytes) or (answer is not None and not isinstance(answer, dict)):
        raise GarbledAnswer(f"The response to {what} is not the service's JSON. Is api_url right?")
    return answer or {}


def timestamp_of(answer: dict[str, Any]) -> int | None:
    """Return the time of a response (the contract's ``timestamp``) in seconds since 1970, None if it has none."""
    timestamp = answer.get("timestamp")
    if not isinstance(timestamp, (int, float)) or isinstance(timestamp, bool):
        return None

    return int(timestamp) if _EARLIEST_TIMESTAMP < timestamp < _LATEST_TIMESTAMP else None


def _parsed(content: bytes) -> Any:
    """Return the parsed JSON, None for an empty body, and the content itself if it is no JSON or exceeds the limits."""
    if not content or content.isspace():
        return None
    openings = content.count(b"[") + content.count(b"{")
    # Each of these takes a byte, so that only a large content needs to be counted.
    if len(content) > MOST_VALUES and openings + content.count(b",") > MOST_VALUES:
        return content
    try:
        answer = json.loads(content, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        return content
    return content if openings >= DEEPEST_ANSWER and _is_deep(answer) else answer


def _finite(number: str) -> float:
    # JSON has no infinity and NaN, and neither have the programs that read results. Python reads 1e999 as infinity.
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("JSON has finite numbers only")
    return value


def _is_deep(value: Any) -> bool:
    """Return whether objects and lists are nested DEEPEST_ANSWER times."""
    level: list[Any] = [[value]]
    for _depth in range(DEEPEST_ANSWER):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def _service_error(received: Received, answer: Any, what: str, redactor: Redactor, sent: Iterable[str]) -> ServiceError:
    """Return the error for any of the contract's three error shapes, or for another body.

    Secrets are masked before texts are cut, because half a secret would not be recognised.
    """
    code, details = None, []
    if isinstance(answer, dict):
        code = answer.get("code") if isinstance(answer.get("code"), str) else None
        details = [answer[key] for key in ("error", "message") if isinstance(answer.get(key), str) and answer[key]]
        errors = answer.get("errors")
        for item in errors[:_MOST_FIELD_ERRORS] if isinstance(errors, list) else []:
            if isinstance(item, dict):
                details.append(f"{item.get('field')}: {item.get('message') or item.get('code')}")
    request_id = received.headers.get("X-Request-Id")
    sent = tuple(sent)
    quotes = dict.fromkeys(_quoted(str(detail), 300, redactor, sent) for detail in details)
    reason = "; ".join(quotes) or "no reason given"
    named = ""
    if code:
        named += f", code {_quoted(code, 100, redactor, sent)}"
    if request_id:
        named += f", request {one_line(redactor.excerpt(request_id, 100))}"
    advice = _ADVICE.get(received.status, "")
    message = f"{what} was refused by the service: {reason} (HTTP {received.status}{named}).{advice}"
    return ServiceError(
        message,
        status=received.status,
        code=code,
        request_id=request_id,
        retry_after=_retry_after(received.headers.get("Retry-After")),
    )


def _quoted(text: str, length: int, redactor: Redactor, sent: Iterable[str]) -> str:
    """Return a text of the service as a message may quote it: one line, masked, of at most ``length`` characters."""
    known_masked = redactor.excerpt(text, _LONGEST_QUOTED)
    return one_line(without_unknown_secrets(known_masked, sent))[:length]


def _retry_after(value: str | None) -> float | None:
    """Return Retry-After in seconds from now (RFC 9110, section 10.2.3: a number of seconds or a date)."""
    if value is None:
        return None
    # ``float`` would also accept "inf", "1e9" and digits of other scripts.
    if re.fullmatch(r"[0-9]+", value.strip(), re.ASCII):
        return float(value.strip())
    try:
        instant = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=timezone.utc)
    return max(0.0, (instant - datetime.now(timezone.utc)).total_seconds())
