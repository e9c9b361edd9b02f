# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import AnswerLost, NotSent
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import MASK, Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service import responses
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.exchange import Exchanges

from ..scripted_server import Answer, QuietHandler, Script, refusal, send, serving, success


def exchanges(url: str, *known: str) -> Exchanges:
    return Exchanges(url, {"X-Mine": "1"}, Redactor(known), verify=True, timeout=5.0, connect_timeout=1.0, size=2)


@pytest.fixture
def sending(script: Script) -> Iterator[Exchanges]:
    opened = exchanges(f"{script.url}/v1")
    yield opened
    opened.close()


def test_a_response_of_any_status_is_returned(script: Script, sending: Exchanges) -> None:
    for status in (200, 302, 404, 429, 500):
        script.expect(refusal(status, b"{}", Retry_After="3"))
        received = sending.send("GET", "/rooms")
        assert (received.status, received.headers["retry-after"], received.content) == (status, "3", b"{}")


def test_the_target_is_the_path_below_the_url_with_the_query(script: Script, sending: Exchanges) -> None:
    script.expect(success(), success())
    sending.send("GET", "/rooms/my", {"page": 2, "limit": "a&b"})
    sending.send("GET", "/rooms/%7Bid%7D")
    assert [request.path for request in script.requests] == ["/v1/rooms/my?page=2&limit=a%26b", "/v1/rooms/%7Bid%7D"]


def test_the_headers_say_what_the_body_is(script: Script, sending: Exchanges) -> None:
    script.expect(*[success()] * 4)
    sending.send("GET", "/1")
    sending.send("POST", "/2")
    sending.send("DELETE", "/3")
    sending.send("PATCH", "/4", body={"title": "Größe"})
    kinds = [(one.headers.get("Content-Type"), one.headers.get("Content-Length")) for one in script.requests]
    assert kinds == [(None, None), (None, "0"), (None, "0"), ("application/json", str(len(script.requests[3].body)))]
    assert all(one.headers["X-Mine"] == "1" and one.headers["Accept"] == "application/json" for one in script.requests)


def test_a_connection_is_used_again_only_if_its_response_was_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "LARGEST_ANSWER", 1000)
    clients: list[tuple[str, int]] = []
    bodies = [b"{}", b"x" * 900, b"", b"x" * 200_000, b"{}"]

    class Handler(QuietHandler):
        def answer(self) -> None:
            clients.append(self.client_address)
            self.read_request()
            send(self, Answer(200, bodies[len(clients) - 1]))

    with serving(Handler) as server:
        sending = exchanges(f"http://127.0.0.1:{server.server_address[1]}")
        for body in bodies:
            if len(body) > 1000:
                with pytest.raises(AnswerLost, match="cut off"):
                    sending.send("GET", "/rooms")
            else:
                assert sending.send("GET", "/rooms").content == body
        sending.close()
    assert len(set(clients)) == 2
    assert len(set(clients[:4])) == 1


def test_chunks_are_read_and_the_connection_is_used_again(script: Script, sending: Exchanges) -> None:
    ports: list[int] = []

    def chunks(handler: BaseHTTPRequestHandler) -> None:
        ports.append(handler.client_address[1])
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n1\r\n \r\n0\r\n\r\n")

    script.expect(chunks, chunks)
    assert [sending.send("GET", "/rooms").content for _request in range(2)] == [b"{} "] * 2
    assert len(set(ports)) == 1


def test_a_known_secret_in_the_path_is_masked_in_the_error_about_a_failed_exchange() -> None:
    sending = exchanges("http://127.0.0.1:1", "unit-secret-0123456789")
    with pytest.raises(NotSent) as caught:
        sending.send("GET", "/rooms/unit-secret-0123456789")
    sending.close()
    assert f"GET /rooms/{MASK}: no connection to http://127.0.0.1:1" in str(caught.value)
