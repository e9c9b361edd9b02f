# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""What a failed HTTP exchange means: whether a byte of the request was sent, and the reason as one sentence."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    MaxRetryError,
    NewConnectionError,
    ProxyError,
    ProxySchemeUnknown,
    SSLError,
)
from urllib3.exceptions import TimeoutError as TimedOut

from .._core.errors import AnswerLost, NotSent
from .connections import SlowNameLookup
from .deadlines import Deadline

# What an exchange can fail with: errors of the libraries and of the operating system.
EXCHANGE_ERRORS = (requests.exceptions.RequestException, HTTPError, OSError)
_THE_PROXY = "the proxy of the environment (https_proxy, http_proxy or all_proxy)"
_UNUSABLE_PROXY = (requests.exceptions.InvalidProxyURL, ProxySchemeUnknown)
_INVALID_URL = (LocationValueError, requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)
_TLS_HELP = "Check api_url, or give the certificate authority's certificate with ca_path."


def failure_of(error: BaseException, deadline: Deadline, api_url: str, timeout: float) -> NotSent | AnswerLost:
    """Return the error for an exchange that failed; ``timeout`` is in seconds."""
    reason = f"no response within {timeout:g} seconds (timeout)."
    if any(isinstance(cause, SlowNameLookup) for cause in _causes(error)):
        reason = (
            f"the address of {urlsplit(api_url).hostname} was not found within {timeout:g} seconds (timeout). Check "
            "api_url, the proxy settings and this machine's name servers."
        )
    elif not deadline.passed:
        reason = _reason(error, api_url, timeout)
    nothing_was_sent = not deadline.was_sent or _nothing_was_sent(error)
    return (NotSent if nothing_was_sent else AnswerLost)(reason)


def _reason(error: BaseException, api_url: str, timeout: float) -> str:
    if any(isinstance(cause, _UNUSABLE_PROXY) for cause in _causes(error)) or "SOCKS" in str(error):
        return f"{_THE_PROXY} cannot be used."
    if isinstance(error, ProxyError):
        status = re.search(r"Tunnel connection failed: (\d{3})", str(error))
        return f"{_THE_PROXY} {f'responded with HTTP {status[1]}' if status else 'cannot be reached'}."
    if isinstance(error, _INVALID_URL):
        return "api_url is not a valid URL."
    if isinstance(error, SSLError):
        return f"TLS failed: {_root_cause(error)}. {_TLS_HELP}"
    if _nothing_was_sent(error):
        return f"no connection to {api_url}. Check api_url, the network and the proxy settings."
    if isinstance(error, TimedOut):
        return f"no response within {timeout:g} seconds (timeout)."
    return "the connection broke before the response was complete."


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and its causes. Libraries put them into ``args``, ``reason`` or ``__cause__``."""
    chain: list[BaseException] = []
    todo: list[Any] = [error]
    while todo:
        current = todo.pop()
        if isinstance(current, BaseException) and current not in chain:
            chain.append(current)
            todo += [*current.args, getattr(current, "reason", None), current.__cause__]
    return chain


def _nothing_was_sent(error: BaseException) -> bool:
    return any(isinstance(cause, (NewConnectionError, ConnectTimeoutError)) for cause in _causes(error))


def _root_cause(error: BaseException) -> str:
    causes = [cause for cause in _causes(error) if not isinstance(cause, (MaxRetryError, requests.RequestException))]
    return str(causes[-1] if causes else error)[:300]
