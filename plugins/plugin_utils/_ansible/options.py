# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Fills in the options of actions and lookups, validates them once, and turns them into the engine's settings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .._core.errors import InvalidInput
from .._core.secrecy import Redactor
from .._core.service_url import is_loopback, normalised_url
from .._core.user_values import is_empty
from .._ledger.location import LedgerSettings, check_settings
from .._service.transport import Connection
from .argument_specs import CONNECTION_SPEC, LEDGER_SPEC
from .option_mistakes import mistakes
from .option_places import of_task
from .option_types import Spec, with_own_types
from .option_values import prepared, prepared_value
from .paths import default_ledger_url, ledger_url_with_home

DEFAULT_API_URL = "https://api.tenbyte.io/v1/webinar"

# Options that may also come from a variable `tenbyte_NAME` or the environment, for actions and lookups alike.
SHARED_OPTIONS = ("api_url", "api_key", "api_token", "allow_http", "validate_certs", "ca_path", *LEDGER_SPEC)
FROM_ENVIRONMENT = {name: f"TENBYTE_{name.upper()}" for name in SHARED_OPTIONS}
# If the task gives one of the two credentials, the other's variable and environment variable are ignored.
_EITHER = {"api_key": "api_token", "api_token": "api_key"}


def options_from(
    arguments: Mapping[str, Any], spec: Spec, variable: Callable[[str], Any], environment: Mapping[str, str]
) -> dict[str, Any]:
    """Return the validated options of an action or lookup. An option that was not given is None.

    A shared option comes from the arguments, else from the variable, else from the environment. An empty value (null,
    no text, blanks) counts as not given, so the next source is tried. All values have Python's own types. Raise
    InvalidInput with a sentence that names room, session and option, and quotes no secret.
    """
    given = prepared(arguments, spec)
    filled_in, places = _filled_in(given, spec, variable, environment)
    return _validated(filled_in, spec, of_task(given, spec), places)


def _filled_in(
    given: Mapping[str, Any], spec: Spec, variable: Callable[[str], Any], environment: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the options with the shared ones, and by option the name that messages use, such as the variable's."""
    options, places = dict(given), {name: name for name in (*CONNECTION_SPEC, *LEDGER_SPEC)}
    for name_there, value_of in ((_variable_of, variable), (FROM_ENVIRONMENT.__getitem__, environment.get)):
        settled = set(options)
        for name in SHARED_OPTIONS:
            if name not in spec or name in settled or _EITHER.get(name) in settled:
                continue
            value = value_of(name_there(name))
            if not is_empty(value):
                options[name], places[name] = prepared_value(value, name, spec[name]), name_there(name)
    return options, places


def _variable_of(name: str) -> str:
    return f"tenbyte_{name}"


def _validated(options: dict[str, Any], spec: Spec, where: str, places: Mapping[str, str]) -> dict[str, Any]:
    validator = ArgumentSpecValidator(with_own_types(spec))
    try:
        result = validator.validate(options)
    except (AttributeError, TypeError, ValueError):
        # Some versions of ansible-core raise these where a value with suboptions has a wrong type.
        result = None
    if result is None or result.error_messages:
        raise InvalidInput(next(mistakes(options, spec, where, places)))
    validated: dict[str, Any] = result.validated_parameters
    return validated


def connection_from(options: Mapping[str, Any], redactor: Redactor) -> Connection:
    api_key, api_token = options.get("api_key"), options.get("api_token")
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
    ca_path = options.get("ca_path")
    if ca_path is not None and not os.access(ca_path, os.R_OK):
        raise InvalidInput(
            f"ca_path {ca_path} is not a file that can be read. Give the authorities' certificates in PEM."
        )
    return Connection(
        api_url=_api_url(options),
        api_key=api_key,
        api_token=api_token,
        validate_certs=options.get("validate_certs") is not False,
        ca_path=ca_path,
        timeout=options["timeout"],
        retries=options["retries"],
        concurrency=options["concurrency"],
        requests_per_second=options.get("requests_per_second"),
    )


def ledger_settings_from(options: Mapping[str, Any], environment: Mapping[str, str]) -> LedgerSettings:
    """Return where the ledger is. Whether its folder exists is checked when the ledger is opened."""
    ledger_url, default = options.get("ledger_url"), default_ledger_url(environment)
    url = default if ledger_url is None else ledger_url_with_home(ledger_url)
    settings = LedgerSettings(
        url=url,
        key=options.get("ledger_key"),
        key_file=options.get("ledger_key_file"),
        is_default=url == default,
    )
    check_settings(settings)
    return settings


def _api_url(options: Mapping[str, Any]) -> str:
    try:
        api_url = normalised_url(options.get("api_url") or DEFAULT_API_URL)
    except ValueError as error:
        raise InvalidInput(f"api_url {error} The service's own is {DEFAULT_API_URL}.") from None
    parts = urlsplit(api_url)
    host = parts.hostname or ""
    if parts.scheme == "http" and not options.get("allow_http") and not is_loopback(host):
        raise InvalidInput(
            f"api_url is plain http to {host}, which would show the credential and the stream keys to the network. Use "
            "https, or set allow_http: true if the way there is safe."
        )
    return api_url
