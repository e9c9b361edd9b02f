# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.argument_specs import (
    EVENT_SPEC,
    LEDGER_SPEC,
    ROOM_SPEC,
    SESSION_SPEC,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.option_places import (
    of_element,
    of_task,
    title_of,
)

ROOM_ID = "3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10"


@pytest.mark.parametrize(
    ("options", "title"),
    [
        ({"title": "Hall"}, " 'Hall'"),
        ({"title": " Hall\n", "room_id": ROOM_ID}, " 'Hall'"),
        ({"title": "x" * 60}, f" '{'x' * 40}…'"),
        ({"title": 7}, " '7'"),
        ({"title": ["Hall"], "room_id": ROOM_ID}, f" '{ROOM_ID}'"),
        ({"title": " ", "room_id": "sk-" + "x" * 40}, ""),
        ({"room_id": 7}, ""),
        ({}, ""),
    ],
)
def test_a_room_is_named_by_its_title_else_by_an_id_that_cannot_be_a_key(options: dict[str, Any], title: str) -> None:
    assert title_of(options) == title


def test_an_element_of_a_list_is_named_by_its_number_too() -> None:
    assert of_element("rooms", 2, {"title": "Hall"}) == "rooms[2] 'Hall'"
    assert of_element("rooms", 0, "Hall") == "rooms[0]"


def test_messages_of_a_task_name_its_room_or_session() -> None:
    options = {"room": "Hall", "title": "Keynote"}
    assert of_task(options, SESSION_SPEC) == "room 'Hall', session 'Keynote': "
    assert of_task({"title": "Hall"}, ROOM_SPEC) == "room 'Hall': "
    assert [of_task(options, spec) for spec in (EVENT_SPEC, LEDGER_SPEC)] == ["", ""]
    assert of_task({}, SESSION_SPEC) == ""
