# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ipaddress
import secrets
import socket
from urllib.parse import urlsplit

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.service_url import (
    is_loopback,
    normalised_or_same,
    normalised_url,
)
from hypothesis import given
from hypothesis import strategies as st

ONE_SERVICE = "https://api.example.com/v1/webinar"
SPELLINGS = [
    "https://API.example.com/v1/webinar",
    "HTTPS://api.example.com/v1/webinar/",
    "https://api.example.com:443/v1/webinar",
    "https://api.example.com:0443/v1/webinar//",
    "https://api.example.com:/v1/webinar",
    "https://api.example.com./v1/webinar",
    "https://Api.Example.COM.:443//v1///webinar/",
    "https://api.example.com/v1/./webinar/.",
    "https://api.example.com/v1/other/../webinar",
    "https://api.example.com/../v1/webinar",
    "https://api.example.com/v1/%77ebinar",
    "https://api.example.com/%2e%2E/v1/webinar",
    " https://api.example.com/v1/webinar\n",
    "\ufeffhttps://api.example.com/v1/webinar\r\n",
]
PARTS = """
https HTTP :// a.Example localhost [::1] [0:0::1%25eth0] 127.1 : 443 80 8080 xn--bcher-kva
/ // /./ /.. . v1 %2e %2F %4 % %41 %c3%bc ü ~ @ ? # \\ [ ]
"""
PIECES = st.lists(st.sampled_from([*PARTS.split(), " ", "\n", "\0", "\ud800"]), max_size=10).map("".join)
URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "HTTPS"]),
    st.sampled_from(["a.Example", "localhost.", "[0:0::1]", "[::ffff:1.2.3.4]", "[fe80::1%25eth0]", "127.1"]),
    st.sampled_from(["", ":", ":80", ":443", ":08080"]),
    st.text(st.sampled_from("/.%2eE4aü~:@;+'\\"), max_size=12).map(lambda path: f"/{path}"),
)


@pytest.mark.parametrize("spelling", [ONE_SERVICE, *SPELLINGS])
def test_all_spellings_of_a_url_have_the_same_normal_form(spelling: str) -> None:
    assert normalised_url(spelling) == ONE_SERVICE
    assert normalised_or_same(spelling) == ONE_SERVICE


@pytest.mark.parametrize(
    ("spelling", "normalised"),
    [
        ("http://HOST:80/", "http://host"),
        ("http://host:443/", "http://host:443"),
        ("https://host:80", "https://host:80"),
        ("https://host:8443/A/b", "https://host:8443/A/b"),
        ("http://[0:0:0:0:0:0:0:1]:8080/v1", "http://[::1]:8080/v1"),
        ("http://[2001:DB8:0:0:1::1]", "http://[2001:db8::1:0:0:1]"),
        ("http://[::FFFF:7f00:1]", "http://[::ffff:127.0.0.1]"),
        ("http://[fe80::1%eth0]/", "http://[fe80::1%25eth0]"),
        ("http://127.1/v1", "http://127.1/v1"),
        ("https://host/b%c3%bccher/%7Eme/a%2fb", "https://host/b%C3%BCcher/~me/a%2Fb"),
        ("https://host/bücher", "https://host/b%C3%BCcher"),
        ("https://host/50%/x", "https://host/50%25/x"),
    ],
)
def test_significant_parts_of_a_url_are_kept(spelling: str, normalised: str) -> None:
    assert normalised_url(spelling) == normalised


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "api.example.com",
        "//api.example.com",
        "https:/api.example.com",
        "https:api.example.com",
        "https://",
        "https:///v1",
        "https://:443/v1",
        "ftp://api.example.com",
        "sqlite:///x",
        "https://api.example.com/v1?x=1",
        "https://api.example.com/v1?",
        "https://api.example.com/v1#top",
        "https://api.exa mple.com",
        "https://api.example.com/v 1",
        "https://api.example.com\n/v1",
        "https://api.example.com/v1\nhttps://other.example.com",
        "https://api.example.com/v1\x00",
        "https://api.example.com:0/",
        "https://api.example.com:65536/",
        "https://api.example.com:" + "9" * 5000,
        "https://api.example.com:-1/",
        "https://api.example.com:\uff14\uff14\uff13/",
        "https://api.example.com:https/",
        "https://a..b",
        "https://.example.com",
        "https://..",
        "https://a\\b/",
        "https://bücher.example",
        "https://\u0430pi.example.com",
        "https://" + "a" * 64 + ".example",
        "https://[::1",
        "https://::1/",
        "https://[::g]/",
        "https://[127.0.0.1]/",
        "https://[fe80::1%25]/",
        "https://%61pi.example.com/",
        "https://api.example.com/\ud800",
    ],
)
def test_a_malformed_url_is_refused_or_returned_unchanged(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has|holds) .*\.$") as caught:
        normalised_url(text)
    assert not isinstance(caught.value, UnicodeError)
    assert normalised_or_same(text) == text


@pytest.mark.parametrize("user", ["me:SECRET@", "SECRET@", ":SECRET@", "a@SECRET@"])
def test_user_info_is_refused_and_not_quoted(user: str) -> None:
    secret = secrets.token_hex(12)
    with pytest.raises(ValueError, match="holds a user name or password") as caught:
        normalised_url(f"https://{user.replace('SECRET', secret)}api.example.com/")
    assert secret not in str(caught.value)


@given(PIECES | URLS | st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalised_or_same(text)
    assert normalised_or_same(once) == once


@given(URLS)
def test_a_normalised_url_is_a_valid_ascii_url(text: str) -> None:
    parts = urlsplit(normalised_url(text))
    assert parts.scheme in ("http", "https")
    assert parts.hostname
    assert parts.netloc == parts.netloc.strip(".")
    assert not parts.path.endswith("/")
    assert not set(parts.path.split("/")[1:]) & {"", ".", ".."}
    assert parts.geturl().isascii()


@pytest.mark.parametrize(
    "host",
    [
        *["localhost", "LOCALHOST", "localhost.", "Localhost.", "api.localhost", "a.b.LocalHost."],
        *["::1", "[::1]", "0:0:0:0:0:0:0:1", "[0:0:0:0:0:0:0:1]", "::ffff:127.0.0.1", "[::FFFF:7f00:1]"],
        *["127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7F.1", "0177.0.0.1"],
        "017700000001",
    ],
)
def test_every_spelling_of_a_loopback_host_is_recognised(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *["", ".", "127.0.0.1.evil.com", "localhost.evil.com", "evillocalhost", "localhost.localdomain", "local"],
        *[
            "127.0.0.256",
            "127.0.65536",
            "127.0.0.0.1",
            "127.0.0.08",
            "127.0.0.-1",
            "127.",
            "126.255.255.255",
            "128.0.0.1",
        ],
        *[
            "2130706431",
            "0127.0.0.1",
            "127",
            "4294967296",
            "9" * 5000,
            "\uff11\uff12\uff17.0.0.1",
            "0.0.0.0",
            "::",
            "::2",
        ],
        *["::ffff:10.0.0.1", "fe80::1", "10.0.0.1", "a.invalid", "127.0.0.1@evil.com", "localhost/evil.com"],
    ],
)
def test_another_host_is_not_a_loopback_host(host: str) -> None:
    assert not is_loopback(host)


@given(st.integers(0, 2**32 - 1) | st.integers(127 << 24, (128 << 24) - 1), st.sampled_from([0, 1, 2, 3]))
def test_a_number_is_a_loopback_address_if_the_operating_system_reads_it_so(number: int, dots: int) -> None:
    leading = [str(number >> (24 - 8 * place) & 255) for place in range(dots)]
    host = ".".join([*leading, str(number & (2 ** (32 - 8 * dots) - 1))])
    assert socket.inet_aton(host) == number.to_bytes(4, "big")
    assert is_loopback(host) == ipaddress.IPv4Address(number).is_loopback
