# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the roles read from a host, whatever else is in their folders."""

from __future__ import annotations

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_records import streams_on_host

ID = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"


def test_streams_are_read_from_records_and_from_key_files() -> None:
    found = streams_on_host(
        "hall-talk-00000000.ffpreset 1793000000.25\nhall-show-00000001.ffpreset 7.0\n",
        'hall-talk-00000000.json {"name": "another", "label": "Hall/Talk"}\nhall-break-00000002.json {}\n',
        "ffmpeg_encoder",
    )
    assert found == {
        "streams": [
            {"name": "hall-talk-00000000", "label": "Hall/Talk"},
            {"name": "hall-break-00000002"},
            {"name": "hall-show-00000001"},
        ],
        "names": ["hall-talk-00000000", "hall-break-00000002", "hall-show-00000001"],
        "key_times": {"hall-talk-00000000": "1793000000.25", "hall-show-00000001": "7.0"},
    }


def test_a_stream_of_obs_is_named_after_its_session() -> None:
    found = streams_on_host(f"{ID}.json 1.5\n", f'{ID}/place.json {{"label": "Hall/Talk"}}\n', "obs_encoder")
    assert found["streams"] == [{"label": "Hall/Talk", "name": ID, "session_id": ID}]
    assert found["key_times"] == {ID: "1.5"}
    assert streams_on_host(f"{ID}.json 1.5", "", "obs_encoder")["streams"] == [{"name": ID, "session_id": ID}]


def test_a_push_is_named_after_stream_and_destination() -> None:
    found = streams_on_host("talk.primary.conf 1.5\n", 'talk.backup1.json {"push_port": 1}\n', "rtmp_relay")
    assert found["names"] == ["talk.backup1", "talk.primary"]


@pytest.mark.parametrize("role", ["ffmpeg_encoder", "rtmp_relay", "obs_encoder"])
@pytest.mark.parametrize(
    ("keys", "records"),
    [
        ("", ""),
        ("../x.conf 1\nA B.json 2\n.conf 3\n$(id).ffpreset 4\n", ""),
        ("find: No such file or directory\n", "find: No such file or directory\n"),
        ("", 'x {"a": 1}\n../a.json {"a": 1}\na.json\na.json {\na.json [1]\na.json null\n'),
        ("a.ffpreset later\na.primary.conf 1;2\n", ""),
    ],
)
def test_other_files_are_no_streams(role: str, keys: str, records: str) -> None:
    found = streams_on_host(keys, records.replace('x {"a": 1}', 'X {"a": 1}'), role)
    assert found == {"streams": [], "names": [], "key_times": {}}
