# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import socket
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import AnswerLost, NotSent
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.connections import SlowNameLookup
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.deadlines import Deadline, Deadlines
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.failures import failure_of
from requests.exceptions import InvalidProxyURL, InvalidSchema, InvalidURL
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

URL = "https://webinar.invalid/v1"
NOTHING: Any = None
NO_CONNECTION = NewConnectionError(NOTHING, "refused")
BEFORE_THE_REQUEST = {
    "slow lookup": (SlowNameLookup("slow"), "the address of webinar.invalid was not found within 3 seconds"),
    "refused": (NO_CONNECTION, "no connection to https://webinar.invalid/v1"),
    "slow to connect": (ConnectTimeoutError("slow"), "no connection to"),
    "proxy refused": (ProxyError("no proxy", NO_CONNECTION), "cannot be reached"),
}
AT_ANY_TIME = {
    "proxy status": (ProxyError("no", OSError("Tunnel connection failed: 407 x")), "responded with HTTP 407"),
    "proxy URL": (InvalidProxyURL("no host"), "cannot be used"),
    "SOCKS": (InvalidSchema("Missing dependencies for SOCKS support."), "cannot be used"),
    "URL": (InvalidURL("no"), "api_url is not a valid URL"),
    "host": (LocationParseError("no"), "api_url is not a valid URL"),
    "TLS": (SSLError("certificate verify failed"), r"TLS failed: certificate verify failed\. .*ca_path"),
    "read": (ReadTimeoutError(NOTHING, "/", "slow"), r"no response within 3 seconds \(timeout\)"),
    "broken": (ProtocolError("aborted", ConnectionResetError()), "the connection broke"),
    "system": (OSError("no file"), "the connection broke"),
}


def failure(error: Exception, *, was_sent: bool) -> NotSent | AnswerLost:
    deadline = Deadline(Deadlines(3.0))
    if was_sent:
        deadline.watch(object())
    return failure_of(error, deadline, URL, 3.0)


@pytest.mark.parametrize(("error", "says"), [*BEFORE_THE_REQUEST.values(), *AT_ANY_TIME.values()])
def test_a_failure_before_the_request_means_that_nothing_was_sent(error: Exception, says: str) -> None:
    found = failure(error, was_sent=False)
    assert isinstance(found, NotSent)
    assert re.search(says, str(found))


@pytest.mark.parametrize("error", [error for error, _says in BEFORE_THE_REQUEST.values()], ids=BEFORE_THE_REQUEST)
def test_without_a_connection_nothing_was_sent_although_sending_had_begun(error: Exception) -> None:
    assert isinstance(failure(error, was_sent=True), NotSent)


@pytest.mark.parametrize("error", [error for error, _says in AT_ANY_TIME.values()], ids=AT_ANY_TIME)
def test_a_failure_after_sending_began_is_a_lost_answer(error: Exception) -> None:
    assert isinstance(failure(error, was_sent=True), AnswerLost)


def test_a_passed_deadline_is_the_reason_whatever_the_error_was() -> None:
    deadline = Deadline(Deadlines(3.0))
    here, there = socket.socketpair()
    with here, there:
        deadline.watch(type("Connection", (), {"sock": here}))
        deadline.end_exchange()
    found = failure_of(ProtocolError("aborted"), deadline, URL, 3.0)
    assert isinstance(found, AnswerLost)
    assert str(found) == "no response within 3 seconds (timeout)."
