# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Valid streams and options for the tests of the encoder roles."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.listed_streams import Asked
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.stream_settings import settled_streams

ID, OTHER_ID = "0D3F2C84-5F43-4B0C-9A57-0C6A6F1F2A11", "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a12"
ROOM_ID = "5e0f2a4c-0d51-4c6b-9a35-0d1f5f6c0001"
STREAM: dict[str, Any] = {
    "session_id": ID,
    "room_id": ROOM_ID,
    "room": "Main hall",
    "title": "Keynote",
    "label": "Main hall/Keynote",
    "rtmp_url": "rtmp://ingest.example/live",
    "stream_key_fingerprint": None,
}
# What a host tells of a stream that is there.
RECORD = [
    "old-00000000.json",
    json.dumps({"name": "old-00000000", "label": "Old/Show", "session_id": OTHER_ID}),
]
OPTIONS: dict[str, dict[str, Any]] = {
    "ffmpeg_encoder": {
        "source": {"type": "test_pattern"},
        "sources": {},
        "profile": {"name": "x264"},
        "profiles": {},
        "slate": {"type": "none"},
        "slates": {},
        "stall_timeout": 15,
        "source_timeout": 3,
        "sound_timeout": 20,
        "refusals": 10,
        "binary": "ffmpeg",
        "supervisord_command": "supervisord",
        "supervisorctl_command": "supervisorctl",
    },
    "rtmp_relay": {
        "names": {},
        "backups": {},
        "remove_all": False,
        "address": "127.0.0.1",
        "port": 1935,
        "push_port": 19350,
        "publishers": ["127.0.0.1"],
        "nginx": "nginx",
        "ca_path": "/etc/ssl/certs/ca-certificates.crt",
        "health_interval": 10,
        "health_failures": 3,
    },
    "obs_encoder": {
        "by_list": False,
        "start": True,
        "user": "",
        "service": "rtmp_custom",
        "whip_urls": {},
        "binary": "obs",
        "source": {"type": "color"},
        "sources": {},
        "profile": {},
        "profiles": {},
        "health_interval": 15,
        "health_failures": 3,
    },
}


def settled(role: str, *streams: Any, **options: Any) -> dict[str, list[dict[str, Any]]]:
    """Check streams, and add defaults. Arguments that are fields of ``Asked`` are not options of the role."""
    fields = ("host", "on_host", "sessions", "only_named", "planned")
    asked = {name: options.pop(name) for name in fields if name in options}
    return settled_streams(list(streams), Asked(role, {**OPTIONS[role], **options}, **asked))


def stream_of(role: str, **options: Any) -> dict[str, Any]:
    """Return the only stream, checked and with defaults. ``stream`` has its own values."""
    return settled(role, {**STREAM, **options.pop("stream", {})}, **options)["streams"][0]


def refusal(role: str, *streams: Any, **options: Any) -> str:
    with pytest.raises(InvalidInput) as raised:
        settled(role, *(streams or (STREAM,)), **options)
    message = str(raised.value)
    assert message.endswith(" Nothing was written.")
    assert "\n" not in message
    return message
