# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import gzip
import ipaddress
import json
import socket
import ssl
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import (
    AnswerLost,
    GarbledAnswer,
    NotSent,
    ServiceError,
    WebinarError,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service import responses
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Transport
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from urllib3.exceptions import InsecureRequestWarning

from ..scripted_server import Answer, QuietHandler, Script, SlowResponse, refusal, send, serving, success

Connect = Callable[..., Transport]
JSON_ANSWER = b'{"success": true, "data": {"id": "1"}}'


def test_an_api_key_is_sent_as_x_api_key_and_nothing_else(script: Script, connect: Connect, api_key: str) -> None:
    script.expect(success())
    connect(script.url).read("/rooms/my")
    headers = script.requests[0].headers
    assert headers["X-API-Key"] == api_key
    assert "Authorization" not in headers


def test_an_api_token_is_sent_as_bearer_and_nothing_else(script: Script, connect: Connect, api_key: str) -> None:
    script.expect(success())
    connect(script.url, api_key=None, api_token=api_key).read("/rooms/my")
    headers = script.requests[0].headers
    assert headers["Authorization"] == f"Bearer {api_key}"
    assert "X-API-Key" not in headers


@pytest.mark.parametrize("kind", ["api_key", "api_token"])
def test_a_netrc_file_does_not_replace_or_add_a_credential(
    script: Script, connect: Connect, api_key: str, tmp_path: Path, kind: str
) -> None:
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password unit-else\n")
    netrc.chmod(0o600)
    script.expect(success())
    connect(script.url, **{"api_key": None, kind: api_key}).read("/rooms/my")
    assert script.requests[0].headers.get("Authorization") == (f"Bearer {api_key}" if kind == "api_token" else None)


def test_the_repr_of_a_connection_contains_no_credential(connect: Connect, api_key: str) -> None:
    assert api_key not in repr(connect("http://127.0.0.1:1").connection)
    assert api_key not in repr(connect("http://127.0.0.1:1", api_key=None, api_token=api_key).connection)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(script: Script, connect: Connect, status: int) -> None:
    script.expect(refusal(status, Location=f"{script.url}/elsewhere"))
    with pytest.raises(ServiceError, match=r"redirect.*api_url"):
        connect(script.url).read("/rooms/my")
    script.expect(refusal(status, Location=f"{script.url}/elsewhere"))
    with pytest.raises(ServiceError, match="redirect"):
        connect(script.url).write("POST", "/rooms", {"title": "Main stage"})
    assert [request.path for request in script.requests] == ["/rooms/my", "/rooms"]


@pytest.mark.parametrize(
    "body", [b"<html>hello</html>", b"[1, 2]", b'"text"', b"17", b"\xff\xfe\x00", b"[" * 100_000], ids=range(6)
)
def test_a_response_that_is_not_a_json_object_is_an_error_without_a_retry(
    script: Script, connect: Connect, body: bytes
) -> None:
    script.expect(Answer(200, body))
    with pytest.raises(GarbledAnswer, match="api_url"):
        connect(script.url).read("/rooms/my")


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"success": true}', b"null"])
def test_a_success_without_data_returns_none(script: Script, connect: Connect, body: bytes) -> None:
    script.expect(Answer(200, body))
    assert connect(script.url).write("DELETE", "/sessions/1") is None


def test_the_body_of_a_write_is_json(script: Script, connect: Connect) -> None:
    script.expect(success({"id": "1"}, 201))
    assert connect(script.url).write("POST", "/rooms", {"title": "Größe"}) == {"id": "1"}
    assert script.requests[0].headers["Content-Type"] == "application/json"
    assert script.requests[0].body.decode().encode("ascii") == b'{"title": "Gr\\u00f6\\u00dfe"}'


def test_a_compressed_response_is_read(script: Script, connect: Connect) -> None:
    body = gzip.compress(JSON_ANSWER.ljust(200_000))
    script.expect(Answer(200, body, (("Content-Encoding", "gzip"),)))
    assert connect(script.url).read("/rooms/my") == {"id": "1"}


def test_a_compressed_response_whose_content_is_too_large_is_cut_off(
    script: Script, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responses, "LARGEST_ANSWER", 2**20)
    script.expect(Answer(200, gzip.compress(b" " * 2**24), (("Content-Encoding", "gzip"),)))
    with pytest.raises(AnswerLost, match="larger than 1 MiB"):
        connect(script.url, retries=0).read("/rooms/my")


@pytest.mark.parametrize("method", ["read", "write"])
def test_a_response_that_is_too_large_is_cut_off(
    script: Script, connect: Connect, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(responses, "LARGEST_ANSWER", 2**20)
    script.expect(Answer(200, b'{"data": "' + b"x" * 2**21 + b'"}'))
    transport = connect(script.url, retries=0)
    with pytest.raises(AnswerLost, match="larger than 1 MiB"):
        transport.read("/rooms/my") if method == "read" else transport.write("POST", "/rooms", {})


def _encoded(script: Script, connect: Connect, encoding: str, body: bytes) -> object:
    script.expect(Answer(200, body, (("Content-Encoding", encoding),)))
    return connect(script.url, retries=0).read("/rooms/my")


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("identity", JSON_ANSWER),
        ("x-gzip", gzip.compress(JSON_ANSWER)),
        ("gzip", gzip.compress(JSON_ANSWER[:9]) + gzip.compress(JSON_ANSWER[9:])),
        ("gzip", gzip.compress(JSON_ANSWER) + b"\0\0\0"),
        ("Deflate", zlib.compress(JSON_ANSWER)),
        ("deflate", _raw_deflate(JSON_ANSWER)),
        ("gzip", b""),
    ],
    ids=["identity", "x-gzip", "two members", "padded", "zlib", "raw deflate", "empty"],
)
def test_every_requested_encoding_is_read(script: Script, connect: Connect, encoding: str, body: bytes) -> None:
    assert _encoded(script, connect, encoding, body) == ({"id": "1"} if body else None)
    assert script.requests[0].headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", b"\x8b\x00\x80"),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        ("gzip, gzip", gzip.compress(gzip.compress(JSON_ANSWER))),
        ("gzip, deflate, gzip, deflate, gzip", b"\x1f\x8b"),
        ("gzip", JSON_ANSWER),
        ("deflate", b"\xff" * 100),
        ("gzip", gzip.compress(b"") * 1000),
        ("\xe9", b"{}"),
    ],
    ids=["br", "zstd", "twice", "five times", "not packed", "no deflate", "many members", "no ASCII"],
)
def test_a_response_in_another_encoding_is_an_error(
    script: Script, connect: Connect, encoding: str, body: bytes
) -> None:
    with pytest.raises(GarbledAnswer):
        _encoded(script, connect, encoding, body)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_truncated_compressed_response_is_a_lost_one(script: Script, connect: Connect, encoding: str) -> None:
    packed = (gzip.compress if encoding == "gzip" else zlib.compress)(JSON_ANSWER.ljust(200))
    with pytest.raises(AnswerLost, match="before the response was complete"):
        _encoded(script, connect, encoding, packed[:-8])


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": ' + b"[" * 150 + b"]" * 150 + b"}",
        b'{"data": NaN}',
        b'{"data": -Infinity}',
        b'{"data": 1e999}',
        b'{"data": ' + b"9" * 5000 + b"}",
    ],
    ids=["deep", "NaN", "infinity", "overflow", "long number"],
)
def test_json_with_invalid_numbers_or_too_much_nesting_is_an_error(
    script: Script, connect: Connect, body: bytes
) -> None:
    script.expect(Answer(200, body))
    with pytest.raises(GarbledAnswer):
        connect(script.url).read("/rooms/my")


@pytest.mark.parametrize("brackets", ["[]", '{"a": }'], ids=["lists", "objects"])
@pytest.mark.parametrize("leaf", ["", "1"], ids=["empty", "with a value"])
def test_a_response_may_be_nested_less_than_100_deep(
    script: Script, connect: Connect, brackets: str, leaf: str
) -> None:
    before, after = brackets[:-1], brackets[-1]
    innermost = leaf if brackets == "[]" or leaf else "0"
    data = {depth: before * (depth - 1) + innermost + after * (depth - 1) for depth in (99, 100)}
    script.expect(*(Answer(200, f'{{"data": {text}}}'.encode()) for text in data.values()))
    transport = connect(script.url)
    assert transport.read("/rooms/my") == json.loads(data[99])
    with pytest.raises(GarbledAnswer):
        transport.read("/rooms/my")


def test_a_long_list_of_shallow_items_is_read(script: Script, connect: Connect) -> None:
    items = [{"id": str(number), "room": {"host": {"names": [["[[[["]]}}} for number in range(500)]
    script.expect(success({"rooms": items}))
    assert connect(script.url).read("/rooms/my") == {"rooms": items}


def test_a_response_with_too_many_values_is_not_parsed(
    script: Script, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responses, "MOST_VALUES", 1000)
    script.expect(Answer(200, b'{"data": [' + b"{}," * 1000 + b"{}]}"))
    with pytest.raises(GarbledAnswer):
        connect(script.url).read("/rooms/my")


def test_a_cookie_is_not_sent_back(script: Script, connect: Connect) -> None:
    script.expect(Answer(200, b"{}", (("Set-Cookie", "track=1; Path=/"),)), success())
    transport = connect(script.url)
    transport.read("/rooms/my")
    transport.read("/rooms/my")
    assert "Cookie" not in script.requests[1].headers


def test_a_connection_is_reused(connect: Connect) -> None:
    clients = set()

    class Counting(QuietHandler):
        def answer(self) -> None:
            self.read_request()
            clients.add(self.client_address)
            send(self, success())

    with serving(Counting) as server:
        transport = connect(f"http://127.0.0.1:{server.server_address[1]}")
        for _request in range(5):
            transport.read("/rooms/my")
    assert len(clients) == 1


def _with_length(body: bytes) -> list[bytes]:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return [head, *(body[at : at + 1] for at in range(len(body)))]


def _chunked(body: bytes) -> list[bytes]:
    chunks = [b"1\r\n" + body[at : at + 1] + b"\r\n" for at in range(len(body))]
    return [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *chunks, b"0\r\n\r\n"]


def _slow_headers(body: bytes) -> list[bytes]:
    lines = [f"X-Padding-{number}: 1\r\n".encode() for number in range(len(body))]
    return [b"HTTP/1.1 200 OK\r\n", *lines, f"Content-Length: {len(body)}\r\n\r\n".encode() + body]


@pytest.mark.parametrize("pieces_of", [_with_length, _chunked, _slow_headers])
def test_a_response_that_arrives_slowly_is_aborted_at_the_deadline(
    script: Script, connect: Connect, pieces_of: Callable[[bytes], list[bytes]]
) -> None:
    # The complete response takes some four seconds; each piece takes far less than the time-out.
    slow = SlowResponse(pieces_of(JSON_ANSWER.ljust(80)))
    script.expect(slow)
    transport = connect(script.url, timeout=0.3, retries=0)
    try:
        with pytest.raises(AnswerLost, match="time"):
            transport.write("POST", "/rooms", {})
    finally:
        transport.close()
    assert slow.ended.wait(10)
    assert not slow.finished, "the client read a late response to its end"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "unit test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


class _TlsHandler(QuietHandler):
    """Responds to GET; breaks the TLS stream in the middle of the response to any other method."""

    posts: list[str] = []  # noqa: RUF012 - reset by the fixture of each test

    def answer(self) -> None:
        request = self.read_request()
        if request.method == "GET":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(JSON_ANSWER) + JSON_ANSWER)
            return
        self.posts.append(request.path)
        self.close_connection = True
        # Bytes on the socket that are no TLS record: the client's library reports an SSL error, no lost connection.
        descriptor = self.connection.detach()
        with socket.socket(fileno=descriptor) as raw:
            raw.sendall(b"these bytes are not a TLS record at all\n" * 4)


@pytest.fixture
def tls_url(certificate: Path) -> object:
    _TlsHandler.posts.clear()
    with serving(_TlsHandler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield f"https://127.0.0.1:{server.server_address[1]}"


def test_an_unknown_certificate_is_refused_before_the_request_is_sent(tls_url: str, connect: Connect) -> None:
    with pytest.raises(NotSent, match=r"TLS failed.*ca_path"):
        connect(tls_url, retries=0).read("/rooms/my")


def test_a_certificate_can_be_trusted_with_ca_path(tls_url: str, connect: Connect, certificate: Path) -> None:
    assert connect(tls_url, ca_path=str(certificate)).read("/rooms/my") == {"id": "1"}


def test_requests_ca_bundle_does_not_override_ca_path(
    tls_url: str, connect: Connect, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    other.write_text("not the certificate\n")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    assert connect(tls_url, ca_path=str(certificate)).read("/rooms/my") == {"id": "1"}
    with pytest.warns(InsecureRequestWarning):
        assert connect(tls_url, validate_certs=False).read("/rooms/my") == {"id": "1"}


@pytest.mark.parametrize("content", [b"", b"no certificate at all\n"])
def test_the_error_about_a_file_without_a_certificate_names_ca_path(
    tls_url: str, connect: Connect, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "authorities.pem"
    path.write_bytes(content)
    with pytest.raises(WebinarError, match="ca_path"):
        connect(tls_url, ca_path=str(path), retries=0).read("/rooms/my")


def test_a_tls_stream_that_breaks_in_the_response_to_a_write_is_a_lost_answer(
    tls_url: str, connect: Connect, certificate: Path
) -> None:
    transport = connect(tls_url, ca_path=str(certificate), retries=2)
    transport.read("/rooms/my")
    with pytest.raises(AnswerLost):
        transport.write("POST", "/rooms", {"title": "Main stage"})
    assert _TlsHandler.posts == ["/rooms"]
