# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the roles read from a host, whatever else is in their folders."""

from __future__ import annotations

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_records import streams_on_host

ID = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"


def test_streams_are_read_from_records_and_from_key_files() -> None:
    keys = ["hall-talk-00000000.ffpreset", "hall-show-00000001.ffpreset"]
    records = [
        ("hall-talk-00000000.json", '{"name": "another",\n "label": "Hall/Talk"}'),
        ("hall-break-00000002.json", "{}"),
    ]
    assert streams_on_host(keys, records, "ffmpeg_encoder") == [
        {"name": "hall-talk-00000000", "label": "Hall/Talk"},
        {"name": "hall-break-00000002"},
        {"name": "hall-show-00000001"},
    ]


def test_a_stream_of_obs_is_named_after_its_session() -> None:
    found = streams_on_host([f"{ID}.json"], [(f"{ID}/place.json", '{"label": "Hall/Talk"}')], "obs_encoder")
    assert found == [{"label": "Hall/Talk", "name": ID, "session_id": ID}]
    assert streams_on_host([f"{ID}.json"], [], "obs_encoder") == [{"name": ID, "session_id": ID}]


def test_a_push_is_named_after_stream_and_destination() -> None:
    found = streams_on_host(["talk.primary.conf"], [("talk.backup1.json", '{"push_port": 1}')], "rtmp_relay")
    assert [one["name"] for one in found] == ["talk.backup1", "talk.primary"]


@pytest.mark.parametrize("role", ["ffmpeg_encoder", "rtmp_relay", "obs_encoder"])
@pytest.mark.parametrize(
    ("keys", "records"),
    [
        ([], []),
        (["../x.conf", "A B.json", ".conf", "$(id).ffpreset", "A.primary"], []),
        ([], [("X.json", '{"a": 1}'), ("../a.json", '{"a": 1}')]),
        ([], [("a.primary.json", text) for text in ("", "{", "[1]", "null")]),
        ([], [(f"{ID}/place.json", text) for text in ("", "{", "[1]", "null")]),
        ([], [("a.json", text) for text in ("", "{", "[1]", "null")]),
    ],
)
def test_other_files_are_no_streams(role: str, keys: list[str], records: list[tuple[str, str]]) -> None:
    assert streams_on_host(keys, records, role) == []
