# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible import paths
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.argument_specs import (
    CONNECTION_SPEC,
    LEDGER_SPEC,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.options import (
    DEFAULT_API_URL,
    FROM_ENVIRONMENT,
    SHARED_OPTIONS,
    connection_from,
    ledger_settings_from,
    options_from,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import MASK, Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import location
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


SPEC = {**CONNECTION_SPEC, **LEDGER_SPEC}


def shared(given: dict[str, Any], variables: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    """Return a task's options: its own, those from variables, and those from the environment."""
    options = options_from(given, SPEC, variables.get, environment)
    return {name: options[name] for name in SHARED_OPTIONS if options[name] is not None}


TEXTS = [name for name in SHARED_OPTIONS if SPEC[name]["type"] != "bool"]
TRUTHS = [name for name in SHARED_OPTIONS if SPEC[name]["type"] == "bool"]


@pytest.mark.parametrize("name", TEXTS)
def test_a_shared_option_comes_from_the_task_else_a_variable_else_the_environment(name: str) -> None:
    given, variables, environment = {name: "task"}, {f"tenbyte_{name}": "variable"}, {FROM_ENVIRONMENT[name]: "env"}
    assert shared(given, variables, environment)[name] == "task"
    assert shared({name: None}, variables, environment)[name] == "variable"
    assert shared({}, {f"tenbyte_{name}": ""}, environment)[name] == "env"
    assert shared({}, {}, environment)[name] == "env"
    assert name not in shared({}, {}, {})


@pytest.mark.parametrize("name", TRUTHS)
def test_a_shared_boolean_comes_from_the_same_places(name: str) -> None:
    variable, environment = f"tenbyte_{name}", {FROM_ENVIRONMENT[name]: "no"}
    assert shared({name: False}, {variable: True}, {FROM_ENVIRONMENT[name]: "yes"})[name] is False
    assert shared({name: " "}, {variable: "Yes"}, environment)[name] is True
    assert shared({}, {variable: False}, {FROM_ENVIRONMENT[name]: "yes"})[name] is False
    assert shared({name: None}, {variable: "\n"}, environment)[name] is False
    assert name not in shared({}, {variable: ""}, {FROM_ENVIRONMENT[name]: " "})


@pytest.mark.parametrize("name", TRUTHS)
def test_a_wrong_boolean_is_refused_with_the_name_of_its_source(name: str) -> None:
    for place, given in (
        (name, ({name: "perhaps"}, {}, {})),
        (f"tenbyte_{name}", ({}, {f"tenbyte_{name}": "perhaps"}, {})),
        (FROM_ENVIRONMENT[name], ({}, {}, {FROM_ENVIRONMENT[name]: "perhaps"})),
    ):
        with pytest.raises(InvalidInput, match=rf"^{place} is 'perhaps'; give true or false\."):
            shared(*given)


@pytest.mark.parametrize("empty", [None, "", " ", "\n", " \t\r\n"])
@pytest.mark.parametrize("name", TEXTS)
def test_an_empty_value_does_not_hide_the_next_source(name: str, empty: str | None) -> None:
    variable, environment = f"tenbyte_{name}", {FROM_ENVIRONMENT[name]: " env\n"}
    assert shared({name: empty}, {variable: " variable\n"}, environment)[name] == "variable"
    assert shared({name: empty}, {variable: empty}, environment)[name] == "env"
    assert shared({name: empty}, {variable: empty}, {FROM_ENVIRONMENT[name]: empty or ""}) == {}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_of_any_source_loses_the_blanks_and_line_ends_around_it(name: str) -> None:
    for given, variables, environment in (
        ({name: " x\n"}, {}, {}),
        ({}, {f"tenbyte_{name}": " x\n"}, {}),
        ({}, {}, {FROM_ENVIRONMENT[name]: " x\n"}),
    ):
        assert shared(given, variables, environment) == {name: "x"}


@pytest.mark.parametrize("value", [["x"], {"x": 1}, True])
def test_a_value_that_is_no_text_is_refused_with_the_name_of_its_source_and_not_quoted(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"^tenbyte_ledger_key is ") as caught:
        shared({}, {"tenbyte_ledger_key": value}, {})
    assert "'x'" not in str(caught.value)


def test_an_empty_credential_does_not_decide_between_the_two() -> None:
    assert shared({"api_key": ""}, {"tenbyte_api_token": SECRET}, {}) == {"api_token": SECRET}


def test_a_ledger_url_needs_no_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "home_folder", lambda: None)
    assert not location.may_exist(ledger_settings_from({}, {}))
    assert ledger_settings_from({}, {"XDG_DATA_HOME": "/data"}).url.startswith("sqlite:////data/")
    assert ledger_settings_from({"ledger_url": "sqlite:////srv/x.db"}, {}).url == "sqlite:////srv/x.db"


@pytest.mark.parametrize(("one", "other"), [("api_key", "api_token"), ("api_token", "api_key")])
def test_a_credential_nearer_to_the_task_hides_the_other_one(one: str, other: str) -> None:
    environment = {FROM_ENVIRONMENT[other]: "env"}
    assert shared({one: SECRET}, {f"tenbyte_{other}": "variable"}, environment) == {one: SECRET}
    assert shared({}, {f"tenbyte_{one}": SECRET}, environment) == {one: SECRET}


def test_both_credentials_from_one_place_are_still_both() -> None:
    environment = {"TENBYTE_API_KEY": SECRET, "TENBYTE_API_TOKEN": SECRET}
    assert set(shared({}, {}, environment)) == {"api_key", "api_token"}


def test_a_credential_that_yaml_reads_as_a_number_is_text_all_the_same() -> None:
    options = shared({}, {"tenbyte_api_key": 12345678}, {})
    assert connected(**options).api_key == "12345678"


def test_a_path_from_the_environment_may_begin_at_home(tmp_path: Path) -> None:
    (tmp_path / "home" / "ca.pem").touch()
    options = shared({}, {}, {"TENBYTE_CA_PATH": "~/ca.pem"})
    assert connected(**options).ca_path == str(tmp_path / "home" / "ca.pem")


def test_the_ledger_is_read_from_its_options() -> None:
    options = {"ledger_url": "sqlite:////srv/x.db", "ledger_key": "k", "ledger_key_file": "/srv/x.key"}
    settings = ledger_settings_from(options, {})
    assert (settings.url, settings.key, settings.key_file) == ("sqlite:////srv/x.db", "k", "/srv/x.key")
    default = ledger_settings_from({}, {"XDG_DATA_HOME": "/data"})
    assert (default.url, default.key) == ("sqlite:////data/tenbyte-webinar/ledger.sqlite3", None)


def test_a_bad_ledger_url_is_refused_before_the_ledger_is_opened() -> None:
    with pytest.raises(InvalidInput, match="ledger_url"):
        ledger_settings_from({"ledger_url": "/srv/x.db"}, {})
