# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.argument_specs import EVENT_SPEC
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.option_mistakes import mistakes


def test_every_mistake_is_reported_unknown_options_first() -> None:
    session = {"mode": "fax", "presetid": 1, "settings": {"max_join_limit": 0}}
    event = {"rooms": [{"title": "Hall", "sessions": [session, "x"]}, 7], "purge": "perhaps", "colour": "red"}
    told = [one.partition(". There")[0] for one in mistakes(event, EVENT_SPEC, "", {"purge": "PURGE"})]
    where = "rooms[0] 'Hall', sessions[0]: "
    assert [one.partition(" of options")[0].partition(" Did")[0] for one in told] == [
        "colour is no option there",
        f"{where}presetid is no option there.",
        f"{where}title is missing.",
        f"{where}mode is 'fax'; it must be one of: webcam, rtmp.",
        f"{where}settings.max_join_limit is 0; it must be from 1 to 1000000.",
        "rooms[0] 'Hall', sessions[1] is 'x'; give a mapping",
        "rooms[1] is 7; give a mapping",
        "PURGE is 'perhaps'; give true or false.",
    ]


def test_valid_options_have_no_mistakes() -> None:
    assert list(mistakes({"rooms": [], "purge": "yes"}, EVENT_SPEC, "")) == []
