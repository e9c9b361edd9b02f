# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    Preset,
    Session,
    StreamKey,
    parse_instant,
    preset_from_answer,
    rfc3339,
    room_from_answer,
    session_from_answer,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.plain_text import is_plain_id
from hypothesis import given
from hypothesis import strategies as st

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("fields", "status", "is_current"),
    [
        ({}, "scheduled", True),
        ({"started_at": "2027-05-04T09:00:00Z"}, "live", True),
        ({"ended_at": "2027-05-04T10:00:00Z"}, "ended", False),
        ({"started_at": "2027-05-04T09:00:00Z", "ended_at": "2027-05-04T10:00:00Z"}, "ended", False),
        ({"status": "scheduled"}, "scheduled", True),
        ({"status": "live"}, "live", True),
        ({"status": "ended"}, "ended", False),
        ({"status": "expired"}, "expired", False),
        ({"status": "paused"}, "paused", True),
        ({"status": "paused", "ended_at": "2027-05-04T10:00:00Z"}, "paused", False),
        ({"status": "live", "ended_at": "2027-05-04T10:00:00Z"}, "live", True),
        ({"status": None, "ended_at": None}, "scheduled", True),
    ],
)
def test_whether_a_session_is_current_depends_on_its_status_or_its_times(
    fields: dict[str, str], status: str, is_current: bool
) -> None:
    session = session_from_answer({"id": "s1", **fields})
    assert session is not None
    assert (session.status, session.is_current) == (status, is_current)


def test_the_room_id_is_read_from_an_embedded_room() -> None:
    session = session_from_answer({"id": "s1", "room": {"id": "r1"}, "preset": {"id": "p1", "name": "Stage"}})
    assert session == Session("s1", "r1", "", "scheduled", preset=Preset("p1", "Stage", None))


def test_a_room_or_session_without_an_id_is_none() -> None:
    assert session_from_answer({"title": "Keynote"}) is None
    assert room_from_answer({"title": "Main stage", "id": ""}) is None


fields = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("id", "room_id", "room", "title", "status", "mode", "preset", "ended_at", "started_at", "hls_url", "host_id"),
        json_values,
    ),
)


@given(fields)
def test_fields_of_any_type_are_read_without_an_error(data: dict[str, object]) -> None:
    for read in (session_from_answer, room_from_answer):
        thing = read(data)
        assert (thing is None) == (not isinstance(data.get("id"), str) or not is_plain_id(str(data["id"])))
    preset_from_answer(data.get("preset"))


def test_the_repr_of_a_stream_key_contains_neither_key_nor_url() -> None:
    shown = f"{StreamKey('unit-stream-1', 'rtmp://ingest.invalid/live')!r}"
    assert "unit-stream" not in shown
    assert "ingest" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "2027-05-04T07:00:00Z",
        "2027-05-04t07:00:00z",
        "2027-05-04 07:00:00Z",
        "2027-05-04T09:00:00+02:00",
        "2027-05-04T02:30:00-04:30",
        "2027-05-04T07:00:00.0Z",
        "2027-05-04T07:00:00.000000000Z",
        " 2027-05-04T07:00:00Z\n",
        "2027-05-04  07:00:00 +00:00",
        "2027-05-04T06:59:60Z",
        "2027-05-04T08:59:60.000+02:00",
    ],
)
def test_every_spelling_of_an_instant_is_read(text: str) -> None:
    assert parse_instant(text) == datetime(2027, 5, 4, 7, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2027-05-04",
        "2027-05-04T09:00:00",
        "2027-13-04T09:00:00Z",
        "2027-05-04T25:00:00Z",
        "2027-05-04T09:00:00+99:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2027-05-04T09Z",
        "2027-W18-2T09:00:00Z",
        "20270504T090000Z",
    ],
)
def test_a_text_that_is_no_rfc_3339_date_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of the standard library's own
        parse_instant(text)


@given(
    st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001 - offset is drawn
    st.integers(-14 * 60, 14 * 60),
)
def test_an_iso_format_instant_is_read_back(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_instant(aware.isoformat()) == aware


@given(st.text())
def test_any_text_is_read_or_raises_value_error(text: str) -> None:
    try:
        assert parse_instant(text).tzinfo is timezone.utc
    except ValueError:
        return


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2027-05-04t09:00:00+02:00", "2027-05-04T07:00:00Z"),
        ("2027-05-04T07:00:00.120Z", "2027-05-04T07:00:00.12Z"),
        ("2027-05-04T07:00:00.1234567Z", "2027-05-04T07:00:00.123456Z"),
        ("2027-12-31T23:59:60Z", "2028-01-01T00:00:00Z"),
        (datetime(2027, 5, 4, 9, tzinfo=timezone(timedelta(hours=2))), "2027-05-04T07:00:00Z"),
        (datetime(2027, 5, 4, 7, 0, 0, 500_000, tzinfo=timezone.utc), "2027-05-04T07:00:00.5Z"),
    ],
)
def test_an_instant_has_one_canonical_text(value: str | datetime, text: str) -> None:
    assert rfc3339(value) == text
    assert rfc3339(text) == text


def test_an_instant_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        rfc3339(datetime(2027, 5, 4, 9))  # noqa: DTZ001 - YAML parses a time without an offset into this


@given(
    st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001 - offset is drawn
    st.integers(-14 * 60, 14 * 60),
)
def test_the_canonical_text_is_the_same_instant(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_instant(rfc3339(aware)) == aware
    assert rfc3339(aware) == rfc3339(aware.isoformat())


def test_urls_are_taken_only_from_the_same_key() -> None:
    key = StreamKey("unit-stream-1", None, "https://ingest.invalid/w")
    assert key.completed(StreamKey("unit-stream-1", "rtmp://ingest.invalid/live")).rtmp_url is not None
    assert key.completed(StreamKey("unit-stream-2", "rtmp://ingest.invalid/live")) == key
    assert key.completed(None) == key
