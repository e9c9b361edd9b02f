# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_requests import (
    Change,
    convergence_of,
    digest_of,
    filled,
    further_units,
    inspection_of,
    key_entry,
    report_of,
    without_health_check,
)

from tests.unit._encoders.answering_host import task

SECRET = b"s" * 32
UNITS = [{"name": "x-health.timer", "state": "started"}, {"name": "x.service", "state": "written"}]


@pytest.mark.parametrize(("there", "is_sent"), [("the-key", False), ("another", True), (None, True)])
def test_a_key_is_sent_only_if_the_host_has_another(there: str | None, is_sent: bool) -> None:
    keys = [] if there is None else [["talk.key", hmac.new(SECRET, there.encode(), hashlib.sha256).hexdigest()]]
    entry = key_entry(
        "/r/keys/talk.key", "the-key", {"stream_key_fingerprint": "fp-1"}, {"keys": keys}, Change(secret=SECRET)
    )
    assert entry["content"] == ("the-key" if is_sent else None)
    assert (entry["mode"], entry["shown"], entry["note"]) == ("0600", False, "stream key fp-1")


@pytest.mark.parametrize(
    ("text", "values", "made"),
    [
        ("a @ONE@ b\n", {"ONE": "1"}, "a 1 b\n"),
        ("  @MORE@\nend\n", {"MORE": ["x;", "y;"]}, "  x;\n  y;\nend\n"),
        ("  @MORE@\nend\n", {"MORE": []}, "end\n"),
        # What a value contains is no placeholder.
        ("@ONE@ @TWO@\n", {"ONE": "@TWO@", "TWO": "2"}, "@TWO@ 2\n"),
        ("unit@%i.service me@example.com\n", {}, "unit@%i.service me@example.com\n"),
    ],
)
def test_placeholders_are_replaced_once(text: str, values: dict[str, Any], made: str) -> None:
    assert filled(text, values) == made


def test_a_health_check_that_is_not_wanted_is_absent_and_other_units_stay() -> None:
    asked = replace(task(), further_units=UNITS)
    states = without_health_check(asked)
    assert states == {"x-health.timer": "absent"}
    assert [one["state"] for one in further_units(asked, is_emptied=False, states=states)] == ["absent", "written"]


def test_a_request_has_what_was_asked_and_nothing_else() -> None:
    made = inspection_of(task(), SECRET, records="x/*.json", keys=".key")
    assert (made["records"], made["texts"], made["watched"], made["secret"]) == ("x/*.json", [], None, SECRET.hex())
    change = convergence_of(task(), {"claimed_by": "enc0"}, {"kind": "systemd"}, Change(stopping=["a"]))
    assert (change["claim"]["host"], change["claim"]["found"]) == ("enc1", "enc0")
    assert (change["stopping"], change["leaving"], change["present"], change["absent"]) == (["a"], [], None, None)


@pytest.mark.parametrize(("interval", "lately"), [(10, 50), (0, 0)])
def test_the_last_result_of_a_health_check_counts_until_the_next_ones_are_missing(interval: int, lately: int) -> None:
    made = report_of(task(root="/r", health_interval=interval), "/run/x.json", ("on air",))
    assert made == {"program": "/r/health.py", "well": ["on air"], "result": "/run/x.json", "lately_seconds": lately}


def test_a_digest_tells_what_a_process_starts_with() -> None:
    assert digest_of("a", {"b": 1, "c": 2}) == digest_of("a", {"c": 2, "b": 1})
    assert len({digest_of("a", "b"), digest_of("ab"), digest_of("b", "a"), digest_of(["a", "b"])}) == 4
