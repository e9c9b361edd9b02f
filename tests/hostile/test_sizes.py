# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Endless responses, and small ones that become large in memory: time and memory are limited, the error is one line."""

from __future__ import annotations

import functools
import gzip
import itertools
import json
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import WebinarError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection, Transport

from tests.hostile.listener import Listener, answer, listening

ROOT = Path(__file__).resolve().parents[2]
GIB = 1 << 30
BLOCK = b"x" * (1 << 20)
# The memory that reading may take, in bytes: enough for two responses of 32 MiB with the maximal number of values.
MOST_ADDED = 900 * 1024 * 1024
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
# In seconds: long enough to reach the limit of the size first, if there is one.
PATIENT, IMPATIENT = 120, 3


def read_from(listener: Listener, timeout: float) -> dict[str, Any]:
    """Read from a listener in a separate process with limited memory."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / '.venv' / 'collections'}",
        "LC_ALL": "C.UTF-8",
    }
    command = [sys.executable, "-W", "error", "-m", "tests.hostile.reader", listener.url, str(timeout)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["memory"] < MOST_ADDED, found
    assert len(found["outcome"]) < 1000
    return found


def endless(*first: bytes, block: bytes = BLOCK) -> Callable[[bytes], Iterable[bytes]]:
    return lambda _request: itertools.chain(first, itertools.repeat(block))


@functools.cache
def bomb(wbits: int) -> bytes:
    """Return a GiB of blanks, compressed by zlib: with 31 as gzip, with 15 as deflate of HTTP."""
    packer = zlib.compressobj(1, zlib.DEFLATED, wbits)
    return b"".join([packer.compress(b" " * (1 << 20)) for _part in range(1024)]) + packer.flush()


BODIES = {
    "a GiB with its length": endless(HEAD + f"Content-Length: {GIB}\r\n\r\n".encode()),
    "a body without length": endless(HEAD + b"\r\n"),
    "a chunk of -1 byte": endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n"),
    "chunks without end": endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", block=b"100000\r\n" + BLOCK + b"\r\n"),
}


@pytest.mark.parametrize("pieces", BODIES.values(), ids=BODIES)
def test_a_body_of_any_size_is_cut_off(pieces: Callable[[bytes], Iterable[bytes]]) -> None:
    with listening(pieces) as listener:
        found = read_from(listener, PATIENT)
        assert found["kind"] == "AnswerLost"
        assert "larger than 32 MiB and was cut off" in found["outcome"] or "broke" in found["outcome"]
        assert listener.sent < 64 * (1 << 20)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_bomb_is_cut_off(encoding: str) -> None:
    body = bomb(31 if encoding == "gzip" else 15)
    assert len(body) < 8 * (1 << 20)
    with listening(lambda _request: [answer(body, headers=[f"Content-Encoding: {encoding}"])]) as listener:
        found = read_from(listener, PATIENT)
    assert found["kind"] == "AnswerLost"
    assert "larger than 32 MiB" in found["outcome"]


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "gzip, br", "zstd"])
def test_a_bomb_in_another_encoding_is_not_unpacked(encoding: str) -> None:
    body = gzip.compress(bomb(31))
    with listening(lambda _request: [answer(body, headers=[f"Content-Encoding: {encoding}"])]) as listener:
        found = read_from(listener, PATIENT)
    assert found["kind"] == "GarbledAnswer"
    assert "content encoding" in found["outcome"]
    assert found["memory"] < 128 * (1 << 20)


def _filled(item: bytes, around: tuple[bytes, bytes] = (b'{"data": {"rooms": [', b"]}}")) -> bytes:
    size = 31 * (1 << 20)
    return around[0] + b",".join([item] * (size // (len(item) + 1))) + around[1]


# Few bytes, many objects: they are parsed up to the limit of their number.
GROWING = {
    "empty objects": (_filled(b"{}"), "GarbledAnswer"),
    "empty lists": (_filled(b"[]"), "GarbledAnswer"),
    "numbers": (_filled(b"1"), "GarbledAnswer"),
    "short texts": (_filled(b'"\xf0\x9f\x98\x80"'), "GarbledAnswer"),
    "just not too many": (_filled(b'{"id":"123456789012345678901234"}'), "list"),
    "one long text": (
        b'{"data": {"rooms": [{"id": "1", "title": "' + b"\xf0\x9f\x98\x80" * (7 << 20) + b'"}]}}',
        "list",
    ),
    "brackets": (b"[" * (31 << 20), "GarbledAnswer"),
    "a long number": (b'{"data": ' + b"1" * (31 << 20) + b"}", "GarbledAnswer"),
}


@pytest.mark.parametrize(("body", "kind"), GROWING.values(), ids=GROWING)
def test_the_memory_of_a_parsed_response_is_limited(body: bytes, kind: str) -> None:
    with listening(lambda _request: [answer(body)]) as listener:
        assert read_from(listener, PATIENT)["kind"] == kind


# Only the time-out ends these, because no byte of the body arrives. The memory must not grow meanwhile.
FLOODS = {
    "a status line": endless(b"HTTP/1.1 200 "),
    "one header": endless(HEAD + b"X-Long: "),
    "headers": endless(HEAD, block=b"X-Many: 1\r\n" * 1000),
    "100 Continue": endless(block=b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "a chunk's length": endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", block=b"0" * (1 << 20)),
    "a chunk's extension": endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;"),
    "trailers": endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", block=b"X-Many: 1\r\n" * 1000),
    "blank lines": endless(block=b"\r\n" * 1000),
}


@pytest.mark.parametrize("pieces", FLOODS.values(), ids=FLOODS)
def test_endless_headers_or_trailers_end_at_the_timeout(
    pieces: Callable[[bytes], Iterable[bytes]],
) -> None:
    with listening(pieces) as listener:
        started = time.monotonic()
        found = read_from(listener, IMPATIENT)
        assert found["kind"] in ("AnswerLost", "GarbledAnswer")
        assert found["memory"] < 128 * (1 << 20)
        # Much more than the time-out, for a busy machine. Without a limit, the test would never end.
        assert time.monotonic() - started < 120


def read_here(listener: Listener) -> str | None:
    transport = Transport(Connection(listener.url, api_key="reader-key", timeout=20, retries=0), Redactor())
    try:
        transport.pages("/rooms/my", "rooms")
    except WebinarError as error:
        return str(error)
    finally:
        transport.close()
    return None


# Not HTTP, or contradictory headers.
OK = b'{"success": true, "data": {"rooms": []}}'
GARBAGE = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP 0.9": OK,
    "a strange status": b"HTTP/1.1 abc OK\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n" + OK,
    "only 103": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
    "only 101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "less than its length": HEAD + b"Content-Length: 100\r\n\r\n" + OK,
    "more than its length": HEAD + b"Content-Length: 10\r\n\r\n" + OK,
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n" + OK[:-1],
    "a length in letters": HEAD + b"Content-Length: many\r\n\r\n" + OK[:-1],
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 40\r\n\r\n" + OK,
    "a chunk of no number": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + OK,
    "a negative chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n" + OK,
    "a chunk of -1": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + OK,
    "a chunk cut short": HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + OK,
    "chunks without their end": HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n',
    "a header without colon": b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 3\r\n\r\n[1]",
    "bytes in a header": b"HTTP/1.1 500 \xff\xfe\r\nX-Request-Id: \x80\x81\x1b[2J\r\nContent-Length: 2\r\n\r\n{}",
    "UTF-16": HEAD + b"\r\n" + '{"data": {}}'.encode("utf-16"),
    "UTF-7": HEAD + b"\r\n+AHs-",
    "NUL": HEAD + b"\r\n" + OK.replace(b"rooms", b"ro\0oms"),
}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE)
def test_an_invalid_response_is_an_error_of_one_line(content: bytes) -> None:
    with listening(lambda _request: [content]) as listener:
        found = read_here(listener)
        assert found is not None
        assert "\n" not in found
        assert "\x1b" not in found
        assert 20 < len(found) < 400
