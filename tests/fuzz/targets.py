# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The functions that the fuzzers call: they assert what must hold for every response."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import Any

import yaml
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.config_values import (
    is_plain_ingest_url,
    is_plain_stream_key,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import ServiceError, WebinarError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import room_from_answer, session_from_answer
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.details import (
    room_details,
    session_details,
    without_secrets,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.responses import (
    answer_of,
    received_from,
    timestamp_of,
)
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError

SECRET = "fuzz/key+0123456789abcdef=&"
STATUS = (200, 201, 204, 103, 301, 400, 401, 409, 422, 429, 500, 502, 503, 999)
ENCODING = ("", "gzip", "deflate", "br", "gzip, gzip", "identity", "x-gzip", "\xe9")
# Special characters of shells, templates, systemd, nginx, supervisord, ffmpeg presets or terminals.
_MEANS_SOMETHING = re.compile(r"[\s\x00-\x20\x7f-\uffff\"'`$%;#\\{}()<>|^]")


def read_answer(content: bytes) -> None:
    """Read bytes as a response: the first two select its status and encoding, the rest is its body."""
    if len(content) < 2:
        return
    status, encoding, body = STATUS[content[0] % len(STATUS)], ENCODING[content[1] % len(ENCODING)], content[2:]
    redactor = Redactor([SECRET])
    # Headers are Latin-1. A quarter of the body is long enough for one.
    header = body[: len(body) // 4].decode("latin-1")
    headers = {"X-Request-Id": header, "Retry-After": header, "Content-Encoding": encoding}
    response = HTTPResponse(io.BytesIO(body), headers, status=status, preload_content=False, decode_content=False)
    try:
        answer = answer_of(received_from(response, "GET /fuzz"), "GET /fuzz", redactor)
    except HTTPError:
        # The transport converts errors of the connection into AnswerLost.
        return
    except WebinarError as error:
        _check_error(error)
        return
    timestamp_of(answer)
    read_data(answer.get("data"), redactor)


def read_data(data: Any, redactor: Redactor) -> None:
    """Read a response's ``data`` as each object of the contract, and convert it into the results of all actions."""
    shown: list[Any] = [without_secrets(data, redactor)]
    for item in _mappings(data):
        shown.append(room_details(item, redactor))
        room, session = room_from_answer(item), session_from_answer(item)
        if session is not None:
            shown.append(session_details(item, session, room.title if room else None))
            assert isinstance(session.is_current, bool)
    check_result(redactor.value(shown))


def _check_error(error: WebinarError) -> None:
    check_message(str(error))
    if isinstance(error, ServiceError):
        assert error.retry_after is None or error.retry_after >= 0


def check_message(message: str) -> None:
    assert SECRET not in message
    assert len(message) < 20_000
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", message)


def check_result(result: Any) -> None:
    text = json.dumps(result, allow_nan=False, ensure_ascii=False)
    assert SECRET not in text
    # Programs that print or store a result must be able to encode it.
    text.encode("utf-8")
    assert yaml.safe_load(yaml.safe_dump(result, allow_unicode=True)) is not None


def check_plain(content: bytes) -> None:
    """Assert that an accepted stream key or ingest URL has no special characters for readers of configuration files."""
    try:
        text = content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if is_plain_stream_key(text) or is_plain_ingest_url(text):
        assert not _MEANS_SOMETHING.search(text)


def _mappings(data: Any) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    level = [data]
    for _depth in range(4):
        found += [item for item in level if isinstance(item, dict)]
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return found[:50]


TARGETS = {"read_answer": read_answer, "check_plain": check_plain}
