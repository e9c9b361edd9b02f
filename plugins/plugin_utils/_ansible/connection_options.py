# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""How to reach the service, from an action's options."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .._core.errors import InvalidInput
from .._core.secrecy import Redactor
from .._core.service_url import is_loopback, normalised_url
from .._service.transport import Connection

DEFAULT_API_URL = "https://api.tenbyte.io/v1/webinar"


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
