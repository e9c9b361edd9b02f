# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Credentials are sent only to api_url: not to the target of a redirect, and not to a proxy."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import AnswerLost, NotSent, WebinarError

from tests.hostile.conftest import Connect
from tests.hostile.listener import answer, listening

BODY = b'{"success": true, "data": {"id": "1"}}'
POINTING = {
    "301": "301 Moved Permanently",
    "302": "302 Found",
    "303": "303 See Other",
    "307": "307 Temporary Redirect",
    "308": "308 Permanent Redirect",
    "300": "300 Multiple Choices",
    "305": "305 Use Proxy",
    "201": "201 Created",
    "401": "401 Unauthorized",
    "407": "407 Proxy Authentication Required",
    "421": "421 Misdirected Request",
    "503": "503 Service Unavailable",
}


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("status", POINTING.values(), ids=POINTING)
def test_no_request_is_sent_to_the_target_of_a_redirect(connect: Connect, status: str, method: str) -> None:
    with listening(lambda _request: [answer(BODY)]) as elsewhere:
        # These names mean this machine, so a request to the other listener would arrive.
        target = elsewhere.url.replace("127.0.0.1", "localhost")
        headers = [
            f"Location: {target}/v1",
            f"Content-Location: {target}/v1",
            f"Refresh: 0; url={target}/v1",
            f'Link: <{target}/v1>; rel="next"',
            f'Alt-Svc: h2="localhost:{elsewhere.port}"; ma=2592000',
            f'WWW-Authenticate: Digest realm="{target}", nonce="1", domain="{target}"',
            "WWW-Authenticate: Basic realm=webinar",
            f"Proxy-Authenticate: Basic realm={target}",
            "Set-Cookie: session=1; Domain=localhost",
        ]
        with listening(lambda _request: [answer(BODY, status, headers)]) as listener:
            transport = connect(listener.url)
            with contextlib.suppress(WebinarError):
                transport.read("/rooms/my") if method == "GET" else transport.write(method, "/rooms/1", {})
            assert len(listener.requests) == 1
        assert elsewhere.connections == 0


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"])
def test_requests_to_a_loopback_address_do_not_use_a_proxy(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with (
        listening(lambda _request: [answer(BODY)]) as proxy,
        listening(lambda _request: [answer(BODY)]) as listener,
    ):
        monkeypatch.setenv(variable, proxy.url)
        for host in ("127.0.0.1", "localhost"):
            assert connect(listener.url.replace("127.0.0.1", host)).read("/rooms/my") == {"id": "1"}
        assert proxy.connections == 0


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy"])
def test_a_proxy_for_https_receives_no_credential(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, api_key: str, variable: str
) -> None:
    with listening(lambda _request: [b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"]) as proxy:
        monkeypatch.setenv(variable, proxy.url.replace("//", "//user:proxy-password@"))
        with pytest.raises(NotSent) as caught:
            connect("https://webinar.invalid/v1").write("POST", "/rooms", {})
        assert "responded with HTTP 407" in str(caught.value)
        assert "proxy-password" not in str(caught.value)
        assert proxy.requests[0].startswith(b"CONNECT webinar.invalid:443 ")
        assert api_key.encode() not in b"".join(proxy.requests)


def test_no_proxy_is_honoured(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(lambda _request: [answer(BODY)]) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", ".invalid")
        with pytest.raises(NotSent, match="no connection to"):
            connect("https://webinar.invalid/v1").read("/rooms/my")
        assert proxy.connections == 0


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "http://", "nonsense://127.0.0.1:1"])
def test_the_error_about_an_unusable_proxy_names_the_variables(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(NotSent, match="proxy"):
        connect("https://webinar.invalid/v1").read("/rooms/my")


def test_a_slow_proxy_is_aborted_at_the_deadline(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow_pieces(_request: bytes) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        for number in range(90):
            time.sleep(0.5)
            yield f"X-Slow-{number}: 1\r\n".encode()

    with listening(slow_pieces) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        started = time.monotonic()
        with pytest.raises((NotSent, AnswerLost), match="within 1 seconds"):
            connect("https://webinar.invalid/v1", timeout=1.0).write("POST", "/rooms", {})
        assert time.monotonic() - started < 30
