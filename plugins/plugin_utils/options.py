# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One adapter from the options of actions and lookups to the engine's settings; bad input ends here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .argument_specs import LEDGER_SPEC
from .errors import InvalidInput
from .ledger_location import LedgerSettings, check_settings, default_url
from .secrecy import Redactor
from .transport import Connection, is_loopback

DEFAULT_API_URL = "https://api.tenbyte.io/v1/webinar"
LARGEST_NUMBER = 86_400

# Options that may also come from a variable `tenbyte_NAME` or the environment: one setting for actions and lookups.
SHARED_OPTIONS = ("api_url", "api_key", "api_token", "allow_http", "validate_certs", "ca_path", *LEDGER_SPEC)
FROM_ENVIRONMENT = {name: f"TENBYTE_{name.upper()}" for name in SHARED_OPTIONS}
# A credential given to the task settles which of the two it is; the other's variable or environment is then not asked.
_EITHER = {"api_key": "api_token", "api_token": "api_key"}


def with_shared_options(
    given: Mapping[str, Any], variable: Callable[[str], Any], environment: Mapping[str, str]
) -> dict[str, Any]:
    """Return the options with the shared ones filled in, each from the task, else a variable, else the environment."""
    options = {name: value for name, value in given.items() if value is not None}
    for source in (lambda name: variable(f"tenbyte_{name}"), lambda name: environment.get(FROM_ENVIRONMENT[name])):
        settled = set(options)
        for name in SHARED_OPTIONS:
            if name in settled or _EITHER.get(name) in settled:
                continue
            value = source(name)
            if value is not None and value != "":
                options[name] = value
    return options


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
    if ca_path is not None:
        ca_path = str(Path(str(ca_path)).expanduser())
    if ca_path and not os.access(ca_path, os.R_OK):
        raise InvalidInput(
            f"ca_path {ca_path} is not a file that can be read. Give the authorities' certificates in PEM."
        )
    return Connection(
        api_url=_api_url(options),
        api_key=api_key,
        api_token=api_token,
        validate_certs=_boolean(options.get("validate_certs", True), "validate_certs"),
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
    settings = LedgerSettings(
        url=options.get("ledger_url") or default_url(dict(environment)),
        key=options.get("ledger_key") or None,
        key_file=options.get("ledger_key_file") or None,
    )
    check_settings(settings)
    return settings


def _api_url(options: Mapping[str, Any]) -> str:
    api_url = str(options.get("api_url") or DEFAULT_API_URL).rstrip("/")
    try:
        parts = urlsplit(api_url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or "?" in api_url or "#" in api_url:
        raise InvalidInput(
            f"api_url is not an http or https URL without query. The service's own is {DEFAULT_API_URL}."
        )
    if parts.username or parts.password:
        raise InvalidInput("api_url holds a user name or password. Give the credential as api_key or api_token.")
    if (
        parts.scheme == "http"
        and not _boolean(options.get("allow_http", False), "allow_http")
        and not is_loopback(host)
    ):
        raise InvalidInput(
            f"api_url is plain http to {host}, which would show the credential and the stream keys to the network. Use "
            "https, or set allow_http: true if the way there is safe."
        )
    return api_url


def _boolean(value: Any, name: str) -> bool:
    """Read a truth value that may come from the environment as text."""
    words = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
    truth = value if isinstance(value, bool) else words.get(str(value).strip().lower())
    if truth is None:
        raise InvalidInput(f"{name} is '{str(value)[:20]}'; give true or false.")
    return truth
