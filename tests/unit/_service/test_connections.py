# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.connections import ServiceConnections

URL = "https://webinar.invalid/v1/webinar"
PROXY = "http://proxy.invalid:3128"


@pytest.fixture(autouse=True)
def no_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)


def test_the_proxy_is_that_of_the_environment_in_which_the_connections_were_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without = ServiceConnections(URL, True, 1)
    monkeypatch.setenv("https_proxy", PROXY)
    proxied = ServiceConnections(URL, True, 1)
    monkeypatch.delenv("https_proxy")
    assert without.pool_and_base()[0].proxy is None
    assert proxied.pool_and_base()[0].proxy.host == "proxy.invalid"


def test_a_request_to_a_plain_http_proxy_names_the_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", PROXY)
    monkeypatch.setenv("https_proxy", PROXY)
    assert ServiceConnections(URL, True, 1).pool_and_base()[1] == "/v1/webinar"
    plain = URL.replace("https", "http")
    assert ServiceConnections(plain, True, 1).pool_and_base()[1] == plain
    monkeypatch.setenv("no_proxy", ".invalid")
    pool, base = ServiceConnections(plain, True, 1).pool_and_base()
    assert (pool.proxy, base) == (None, "/v1/webinar")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8765", "http://localhost:8765/", "https://[::1]:8765"])
def test_a_loopback_address_has_no_proxy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, PROXY)
    pool, base = ServiceConnections(url, True, 1).pool_and_base()
    assert (pool.proxy, base) == (None, "")


def test_the_authorities_are_those_of_the_option_and_else_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    theirs, ours = tmp_path / "theirs.pem", tmp_path / "ours.pem"
    theirs.touch()
    ours.touch()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(theirs))
    assert ServiceConnections(URL, True, 1).pool_and_base()[0].ca_certs == str(theirs)
    assert ServiceConnections(URL, str(ours), 1).pool_and_base()[0].ca_certs == str(ours)
    unchecked = ServiceConnections(URL, False, 1).pool_and_base()[0]
    assert (unchecked.cert_reqs, unchecked.ca_certs) == ("CERT_NONE", None)


def test_the_pool_is_found_once_and_keeps_a_connection_for_each_thread() -> None:
    connections = ServiceConnections(URL, True, 7)
    pool = connections.pool_and_base()[0]
    assert connections.pool_and_base()[0] is pool
    assert pool.pool.maxsize == 7
