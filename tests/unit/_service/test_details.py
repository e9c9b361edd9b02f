# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import secrets
import uuid
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import session_from_answer
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import MASK, Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.details import (
    room_details,
    session_details,
    without_secrets,
)
from hypothesis import given
from hypothesis import strategies as st

SECRET_NAMES = ["stream_key", "streamKey", "Stream-Key", "key", "livekit_token", "accessToken", "client_secret"]
INGEST_NAMES = ["rtmp", "rtmp_url", "rtmp_setup", "whip_url", "ingestUrl", "publish_url"]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=12,
)


def new_secret() -> str:
    return f"unit-stream-{secrets.token_hex(12)}"


@pytest.mark.parametrize("name", [*SECRET_NAMES, *INGEST_NAMES])
@pytest.mark.parametrize("wrap", [lambda item: item, lambda item: {"source": item}, lambda item: [[item]]])
def test_a_field_that_may_contain_a_secret_is_omitted_at_any_depth(name: str, wrap: Any) -> None:
    secret = new_secret()
    shown = without_secrets(wrap({name: {"x": [secret]}, "bitrate": 7}), Redactor())
    assert secret not in json.dumps(shown)
    assert shown == wrap({"bitrate": 7})


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_the_value_of_a_secret_field_is_masked_elsewhere_too(name: str) -> None:
    secret, redactor = new_secret(), Redactor()
    shown = redactor.value(without_secrets({"inputs": [f"live/{secret}"], name: secret}, redactor))
    assert shown == {"inputs": ["live/********"]}


def test_the_key_in_rtmp_setup_is_masked_elsewhere_too() -> None:
    secret, redactor = new_secret(), Redactor()
    data = {"name": secret, "rtmp_setup": {"server": "x", "stream_key": secret}}
    assert redactor.value(without_secrets(data, redactor)) == {"name": "********"}


def test_an_ingest_url_is_masked_in_any_text() -> None:
    shown = without_secrets({"log": f"publisher at RTMPS://ingest.invalid/live/{new_secret()} left"}, Redactor())
    assert shown == {"log": "publisher at ******** left"}


@pytest.mark.parametrize(
    "key", ["ab12-cd34-ef56-gh78", "840f90ec-b0d1-43b5-bec2-69efe5d75432"], ids=["hyphenated", "uuid"]
)
def test_what_looks_like_a_key_is_masked_in_any_text_except_an_id_in_a_field_for_ids(key: str) -> None:
    health = {"path": f"live/{key}", "inputs": [key], "log": f"{key} left"}
    assert without_secrets(health, Redactor()) == {"path": f"live/{MASK}", "inputs": [MASK], "log": f"{MASK} left"}
    name = str(uuid.uuid4())
    ids = {"session_id": name, "trackIds": [name]}
    assert without_secrets(ids, Redactor()) == ids


@pytest.mark.parametrize(
    "data",
    [
        {"keyframe_interval": 2, "bitrate": 4500.5, "publishing": True},
        {"rtmp_connected": True, "token_expired": False, "stream_key": None},
        {"tracks": [{"kind": "video", "codec": "h264"}], "since": None},
        "healthy",
        None,
        [],
    ],
)
def test_data_without_secrets_is_unchanged(data: Any) -> None:
    assert without_secrets(data, Redactor()) == data


@given(ANY_JSON)
def test_the_result_of_any_data_is_json(data: Any) -> None:
    json.dumps(without_secrets(data, Redactor()))


def test_deeply_nested_data_is_cut_off() -> None:
    deep: Any = "end"
    for _depth in range(500):
        deep = {"inner": deep}
    assert "end" not in json.dumps(without_secrets(deep, Redactor()))


@pytest.mark.parametrize(
    "wrong",
    [{}, {"id": 7, "title": [], "host": "me", "analytics": 3}, {"host": {"username": 5, "email": "me@example.com"}}],
)
def test_the_result_of_a_room_without_usable_fields_contains_nulls(wrong: dict[str, Any]) -> None:
    shown = room_details(wrong, Redactor())
    assert shown.pop("analytics") == {}
    assert set(shown.values()) == {None}


@pytest.mark.parametrize(
    ("answer", "status"),
    [({}, "scheduled"), ({"started_at": "2027-05-04T07:00:00Z"}, "live"), ({"status": "paused"}, "paused")],
)
def test_the_result_of_a_session_with_few_usable_fields_contains_nulls(answer: dict[str, Any], status: str) -> None:
    answer = {"id": "s1", "duration": True, "viewer_count": "many", "room": 7, "preset": [], **answer}
    session = session_from_answer(answer)
    assert session is not None
    shown = session_details(answer, session, "Main stage")
    assert (shown["status"], shown["room"], shown["duration"]) == (status, "Main stage", None)
    assert shown["viewer_count"] is None
    assert shown["preset"] == {"id": None, "name": None, "type": None}
    assert set(shown["settings"].values()) == {None}
