# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.argument_specs import CONNECTION_SPEC
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.connection_options import (
    DEFAULT_API_URL,
    connection_from,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.options import options_from
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import MASK, Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Connection

SECRET = f"unit-api-{secrets.token_hex(12)}"


def connected(**options: Any) -> Connection:
    given = {"api_key": SECRET, "timeout": 30.0, "retries": 5, "concurrency": 16, **options}
    return connection_from({name: value for name, value in given.items() if value is not None}, Redactor())


def test_missing_credentials_are_refused_with_every_way_to_give_one() -> None:
    with pytest.raises(InvalidInput) as caught:
        connected(api_key=None)
    for name in ("api_key", "api_token", "tenbyte_api_key", "TENBYTE_API_TOKEN"):
        assert name in str(caught.value)


def test_both_credentials_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"Both api_key and api_token.*leave one out"):
        connected(api_token=SECRET)


@pytest.mark.parametrize("tail", [" ", "\n", "\r\nX-Evil: 1", "é", "\0"])
@pytest.mark.parametrize("name", ["api_key", "api_token"])
def test_a_credential_that_cannot_be_in_a_header_is_refused_and_not_quoted(name: str, tail: str) -> None:
    with pytest.raises(InvalidInput, match=name) as caught:
        connected(**{"api_key": None, name: SECRET + tail})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["api_key", "api_token"])
def test_a_credential_is_masked_from_then_on(name: str) -> None:
    redactor = Redactor()
    connection_from({name: SECRET, "timeout": 1.0, "retries": 0, "concurrency": 1}, redactor)
    assert redactor.text(f"x{SECRET}") == f"x{MASK}"


def test_the_default_is_the_real_service_with_verified_certificates() -> None:
    connection = connected()
    assert connection.api_url == DEFAULT_API_URL == "https://api.tenbyte.io/v1/webinar"
    assert connection.validate_certs is True


@pytest.mark.parametrize(
    ("url", "spelt"),
    [
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("http://localhost/v1", "http://localhost/v1"),
        ("http://[::1]:80/v1", "http://[::1]/v1"),
        ("http://127.8.9.1/", "http://127.8.9.1"),
        ("https://a.invalid/v1/", "https://a.invalid/v1"),
        (" HTTPS://A.invalid:443//v1\n", "https://a.invalid/v1"),
    ],
)
def test_https_and_loopback_urls_are_accepted_and_normalised(url: str, spelt: str) -> None:
    assert connected(api_url=url).api_url == spelt


@pytest.mark.parametrize(
    "url",
    [
        "http://a.invalid/v1",
        "http://127.0.0.1.a.invalid/",
        "http://10.0.0.1/",
        "http://localhost.a.invalid/",
        "HTTP://a.invalid/",
    ],
)
def test_plain_http_to_another_machine_is_refused_unless_allowed(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"api_url is plain http .*allow_http: true"):
        connected(api_url=url)
    assert connected(api_url=url, allow_http=True).api_url == url.lower().rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "api.invalid",
        "ftp://a.invalid",
        "https://",
        "https://a.invalid/?x=1",
        "https://a.invalid/#x",
        "https://a.invalid:x/",
        "https://[::1/",
        "file:///etc/passwd",
        "https://a.invalid/v1?",
        "https://a.invalid/v1#",
    ],
)
def test_a_value_that_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="api_url"):
        connected(api_url=url)


def test_a_password_in_the_url_is_refused_and_not_quoted() -> None:
    with pytest.raises(InvalidInput, match="api_url holds a user name or password") as caught:
        connected(api_url=f"https://me:{SECRET}@a.invalid/")
    assert SECRET not in str(caught.value)


def test_a_ca_path_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="ca_path"):
        connected(ca_path=str(tmp_path / "none.pem"))


def test_a_credential_that_yaml_reads_as_a_number_is_text_all_the_same() -> None:
    options = options_from({}, CONNECTION_SPEC, {"tenbyte_api_key": 12345678}.get, {})
    assert connected(api_key=options["api_key"]).api_key == "12345678"


def test_a_path_from_the_environment_may_begin_at_home(tmp_path: Path) -> None:
    (tmp_path / "home" / "ca.pem").touch()
    options = options_from({}, CONNECTION_SPEC, lambda _name: None, {"TENBYTE_CA_PATH": "~/ca.pem"})
    assert connected(ca_path=options["ca_path"]).ca_path == str(tmp_path / "home" / "ca.pem")


def test_the_rate_and_number_of_requests_reach_the_connection_from_variables_and_the_environment() -> None:
    variables = {"tenbyte_api_key": SECRET, "tenbyte_requests_per_second": "2.5", "tenbyte_concurrency": 3}
    environment = {"TENBYTE_TIMEOUT": "7", "TENBYTE_RETRIES": "1", "TENBYTE_CONCURRENCY": "9"}
    options = options_from({}, CONNECTION_SPEC, variables.get, environment)
    connection = connection_from(options, Redactor())
    assert (connection.requests_per_second, connection.concurrency) == (2.5, 3)
    assert (connection.timeout, connection.retries) == (7.0, 1)
