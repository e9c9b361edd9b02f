# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""One adapter from the options of actions and lookups to the engine's settings; bad input ends here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from .._core.errors import InvalidInput
from .._core.secrecy import Redactor
from .._core.service_url import is_loopback, normalised_url
from .._ledger.location import LedgerSettings, check_settings
from .._service.transport import Connection
from .argument_specs import CONNECTION_SPEC, LEDGER_SPEC
from .given import boolean, expanded_path, is_empty
from .paths import default_ledger_url, with_home_put_in

DEFAULT_API_URL = "https://api.tenbyte.io/v1/webinar"
LARGEST_NUMBER = 86_400

# Options that may also come from a variable `tenbyte_NAME` or the environment: one setting for actions and lookups.
SHARED_OPTIONS = ("api_url", "api_key", "api_token", "allow_http", "validate_certs", "ca_path", *LEDGER_SPEC)
FROM_ENVIRONMENT = {name: f"TENBYTE_{name.upper()}" for name in SHARED_OPTIONS}
# A credential given to the task settles which of the two it is; the other's variable or environment is then not asked.
_EITHER = {"api_key": "api_token", "api_token": "api_key"}
_SHARED_SPEC = {**CONNECTION_SPEC, **LEDGER_SPEC}


def with_shared_options(
    given: Mapping[str, Any], variable: Callable[[str], Any], environment: Mapping[str, str]
) -> dict[str, Any]:
    """Return the options with the shared ones filled in, each from the task, else a variable, else the environment.

    The one rule for actions, lookups and whatever else takes these options: what is empty (null, no text, blanks) is
    not given, wherever it stands, and so never hides what is given further out. Text has no blanks or line ends around
    it.
    """
    options = {name: value for name, value in given.items() if value is not None}
    for name in SHARED_OPTIONS:
        _take(options, name, options.pop(name, None), name)
    for source, called in (
        (lambda name: variable(_variable_of(name)), _variable_of),
        (lambda name: environment.get(FROM_ENVIRONMENT[name]), FROM_ENVIRONMENT.__getitem__),
    ):
        settled = set(options)
        for name in SHARED_OPTIONS:
            if name not in settled and _EITHER.get(name) not in settled:
                _take(options, name, source(name), called(name))
    return options


def _variable_of(name: str) -> str:
    return f"tenbyte_{name}"


def _take(options: dict[str, Any], name: str, value: Any, called: str) -> None:
    """Put a value into the options unless it is empty; ``called`` is what its source calls it."""
    if is_empty(value):
        return
    kind = _SHARED_SPEC[name]["type"]
    if kind == "bool":
        options[name] = value
        return
    if isinstance(value, (bool, Mapping, list)):
        raise InvalidInput(f"{called} is no text. Give a text, in quotes if YAML takes it for something else.")
    # A variable of digits alone is a number to YAML.
    text = str(value).strip()
    options[name] = expanded_path(text, called) if kind == "path" else text


def connection_from(options: Mapping[str, Any], redactor: Redactor) -> Connection:
    api_key, api_token = _credential(options, "api_key"), _credential(options, "api_token")
    redactor.learn(api_key)
    redactor.learn(api_token)
    if api_key is None and api_token is None:
        raise InvalidInput(
            "No credentials. Give api_key or api_token, or set the variable tenbyte_api_key or tenbyte_api_token, or "
            "the environment variable TENBYTE_API_KEY or TENBYTE_API_TOKEN."
        )
    if api_key is not None and api_token is not None:
        raise InvalidInput("Both api_key and api_token are given. The service takes one of them: leave one out.")
    for name, value in (("api_key", api_key), ("api_token", api_token)):
        if value is not None and not re.fullmatch(r"[\x21-\x7e]+", value):
            raise InvalidInput(f"{name} holds blanks, line ends or characters that cannot stand in an HTTP header.")
    for name, lowest in (("timeout", 1), ("retries", 0), ("concurrency", 1)):
        if not lowest <= options[name] <= LARGEST_NUMBER:
            raise InvalidInput(f"{name} is {options[name]:g}; it must be from {lowest} to {LARGEST_NUMBER}.")
    ca_path = options.get("ca_path") or None
    if ca_path and not os.access(ca_path, os.R_OK):
        raise InvalidInput(
            f"ca_path {ca_path} is not a file that can be read. Give the authorities' certificates in PEM."
        )
    return Connection(
        api_url=_api_url(options),
        api_key=api_key,
        api_token=api_token,
        validate_certs=boolean(options.get("validate_certs", True), "validate_certs"),
        ca_path=ca_path,
        timeout=options["timeout"],
        retries=options["retries"],
        concurrency=options["concurrency"],
    )


def _credential(options: Mapping[str, Any], name: str) -> str | None:
    # A variable of digits alone is a number to YAML.
    value = options.get(name)
    return None if value is None or value == "" else str(value)


def ledger_settings_from(options: Mapping[str, Any], environment: Mapping[str, str]) -> LedgerSettings:
    """Return where the ledger is. Whether there is a place for it is found by who needs one."""
    ledger_url = options.get("ledger_url") or None
    settings = LedgerSettings(
        url=default_ledger_url(environment) if ledger_url is None else with_home_put_in(ledger_url),
        key=options.get("ledger_key") or None,
        key_file=options.get("ledger_key_file") or None,
        is_default=ledger_url is None,
    )
    check_settings(settings)
    return settings


def _api_url(options: Mapping[str, Any]) -> str:
    try:
        api_url = normalised_url(str(options.get("api_url") or DEFAULT_API_URL))
    except ValueError as error:
        raise InvalidInput(f"api_url {error} The service's own is {DEFAULT_API_URL}.") from None
    parts = urlsplit(api_url)
    host = parts.hostname or ""
    if parts.scheme == "http" and not boolean(options.get("allow_http", False), "allow_http") and not is_loopback(host):
        raise InvalidInput(
            f"api_url is plain http to {host}, which would show the credential and the stream keys to the network. Use "
            "https, or set allow_http: true if the way there is safe."
        )
    return api_url
