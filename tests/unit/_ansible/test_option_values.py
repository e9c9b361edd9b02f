# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.argument_specs import (
    EVENT_SPEC,
    LEDGER_ACTION_SPEC,
    SESSION_INFO_SPEC,
    SESSION_SPEC,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.option_values import prepared


@pytest.mark.parametrize("empty", [None, "", " ", "\n", "\u00a0"])
def test_empty_values_are_left_out_at_every_depth(empty: Any) -> None:
    session = {"title": "Keynote", "mode": empty, "settings": {"chat_enabled": empty}}
    rooms = [empty, {"title": "Hall", "state": empty, "sessions": [empty, session]}]
    assert prepared({"rooms": rooms, "state": empty}, EVENT_SPEC) == {
        "rooms": [{"title": "Hall", "sessions": [{"title": "Keynote", "settings": {}}]}]
    }


def test_an_unknown_option_stays_so_that_it_is_refused() -> None:
    assert prepared({"colour": "", "title": "Keynote"}, SESSION_SPEC) == {"colour": "", "title": "Keynote"}


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ('{"chat_enabled": false, "max_join_limit": ""}', {"chat_enabled": False}),
        ("{'chat_enabled': None, 'max_join_limit': 5}", {"max_join_limit": 5}),
        ("chat_enabled=yes max_join_limit=", {"chat_enabled": "yes"}),
        ("chat_enabled=yes, max_join_limit=5", {"chat_enabled": "yes", "max_join_limit": "5"}),
        ("loud", "loud"),
        ("a=1 b", "a=1 b"),
        ("{1, 2}", "{1, 2}"),
        ("{", "{"),
    ],
)
def test_a_mapping_may_be_a_text(text: str, settings: Any) -> None:
    assert prepared({"settings": text}, SESSION_SPEC) == {"settings": settings}


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        ("live, scheduled,", ["live", "scheduled"]),
        ('["live", ""]', ["live"]),
        (["live ", None], ["live"]),
        ("live", ["live"]),
        (True, [True]),
        ({"live": True}, {"live": True}),
    ],
)
def test_a_list_of_texts_may_be_one_text(value: Any, elements: Any) -> None:
    assert prepared({"status": value}, SESSION_INFO_SPEC) == {"status": elements}


def test_a_list_of_numbers_may_be_one_number() -> None:
    assert prepared({"entries": 7}, LEDGER_ACTION_SPEC) == {"entries": [7]}
