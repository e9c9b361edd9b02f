# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that must be refused, and environment variables that must have no effect."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import AnswerLost, NotSent
from urllib3.exceptions import InsecureRequestWarning

from tests.hostile.certificates import Authority, authority, server_context
from tests.hostile.conftest import Connect
from tests.hostile.listener import answer, listening

BODY = b'{"success": true, "data": {"id": "1"}}'


def well(_request: bytes) -> Iterable[bytes]:
    return [answer(BODY)]


@pytest.fixture(scope="module")
def known() -> Authority:
    return authority()


def test_a_certificate_of_the_given_authority_is_trusted(connect: Connect, known: Authority, tmp_path: Path) -> None:
    with listening(well, server_context(tmp_path, known)) as listener:
        url = listener.url.replace("http:", "https:")
        assert connect(url, ca_path=known.file(tmp_path)).read("/rooms/my") == {"id": "1"}


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ({"host": "other.example.com"}, "not valid for '127.0.0.1'"),
        ({"host": "127.0.0.2"}, "not valid for '127.0.0.1'"),
        ({"valid_from": -3, "valid_to": -1}, "certificate has expired"),
        ({"valid_from": 1, "valid_to": 3}, "certificate is not yet valid"),
        ({"by": None}, "self-signed certificate|unable to get local issuer"),
        ({"by": authority("another authority")}, "unable to get local issuer certificate"),
        ({"by": authority()}, "certificate verify failed"),
    ],
    ids=["another name", "another address", "expired", "not yet valid", "self-signed", "unknown", "namesake"],
)
def test_an_invalid_certificate_is_refused_before_the_request_is_sent(
    connect: Connect, known: Authority, tmp_path: Path, server: dict[str, Any], says: str
) -> None:
    context = server_context(tmp_path, **{"by": known, **server})
    with listening(well, context) as listener:
        url = listener.url.replace("http:", "https:")
        with pytest.raises(NotSent, match=f"TLS failed: .*({says}).*Check api_url, or give.*ca_path"):
            connect(url, ca_path=known.file(tmp_path)).write("POST", "/rooms", {"title": "Main stage"})
        assert listener.requests == []
        # Only the user can disable the check.
        with pytest.warns(InsecureRequestWarning):
            assert connect(url, validate_certs=False).read("/rooms/my") == {"id": "1"}


def test_without_ca_path_the_certificate_is_refused(connect: Connect, known: Authority, tmp_path: Path) -> None:
    with listening(well, server_context(tmp_path, known)) as listener:
        with pytest.raises(NotSent, match="TLS failed"):
            connect(listener.url.replace("http:", "https:")).read("/rooms/my")
        assert listener.requests == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_environment_variables_of_libraries_do_not_override_options(
    connect: Connect, known: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    theirs = authority("authority of the environment")
    monkeypatch.setenv(variable, str(theirs.file(tmp_path)))
    authority_file = known.file(tmp_path)
    with listening(well, server_context(tmp_path, known)) as listener:
        url = listener.url.replace("http:", "https:")
        assert connect(url, ca_path=authority_file).read("/rooms/my") == {"id": "1"}
        with pytest.warns(InsecureRequestWarning):
            assert connect(url, validate_certs=False).read("/rooms/my") == {"id": "1"}
    # Nor do they add authorities to those of ca_path.
    with listening(well, server_context(tmp_path, theirs)) as listener:
        with pytest.raises(NotSent, match="TLS failed"):
            connect(listener.url.replace("http:", "https:"), ca_path=authority_file).read("/rooms/my")
        assert listener.requests == []


def test_old_versions_of_tls_are_refused(connect: Connect, known: Authority, tmp_path: Path) -> None:
    context = server_context(tmp_path, known)
    # That this version is old is what the test is about.
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with listening(well, context) as listener:
        with pytest.raises((NotSent, AnswerLost), match=r"TLS failed|connection"):
            connect(listener.url.replace("http:", "https:"), ca_path=known.file(tmp_path)).read("/rooms/my")
        assert listener.requests == []


def test_a_slow_response_over_tls_is_aborted_at_the_deadline(
    connect: Connect, known: Authority, tmp_path: Path
) -> None:
    ended = threading.Event()

    def slow_pieces(_request: bytes) -> Iterable[bytes]:
        try:
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
            for _byte in range(500):
                time.sleep(0.1)
                yield b" "
        finally:
            ended.set()

    with listening(slow_pieces, server_context(tmp_path, known)) as listener:
        url = listener.url.replace("http:", "https:")
        with pytest.raises(AnswerLost, match="no response within 1 seconds"):
            connect(url, ca_path=known.file(tmp_path), timeout=1.0).write("POST", "/rooms", {})
        assert ended.wait(30)
        assert listener.sent < 400


def test_a_handshake_without_a_response_is_aborted_and_nothing_was_sent(connect: Connect) -> None:
    # A listener without TLS waits for the end of the headers, so it sends nothing to a client that begins a handshake.
    with listening(well) as listener, pytest.raises(NotSent, match=r"no connection|no response within"):
        connect(listener.url.replace("http:", "https:"), timeout=1.0).read("/rooms/my")
