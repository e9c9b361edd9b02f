# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares requested and current fields. The examples for users are in docs/drift.md."""

from __future__ import annotations

import html
import unicodedata
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.comparison import (
    Kept,
    canonical,
    difference_to_remember,
    differences,
    is_same,
    memory_from,
    memory_text,
    shown_of_session,
    updated_memory,
    wanted_of_room,
    wanted_of_session,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import (
    RoomSpec,
    Session,
    SessionSpec,
    Settings,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.plain_text import same_title
from hypothesis import given
from hypothesis import strategies as st

FIELDS = ("title", "description", "scheduled_start_time", "preset_id", "mode", "settings.max_join_limit", "analytics.x")
texts = st.text(st.characters(codec="utf-8"), max_size=30)
values = texts | st.integers() | st.booleans()


@given(st.sampled_from(FIELDS), texts)
def test_a_value_equals_itself(field: str, value: str) -> None:
    assert is_same(field, value, value, {})
    assert canonical(field, value) == canonical(field, value)


@given(texts)
def test_a_description_equals_itself_with_other_line_ends_and_blanks(text: str) -> None:
    for cleaned in (text.strip(), text.replace("\n", "\r\n"), f"{text}\n", f"  {text}\r\n\n"):
        if "\r" not in text:
            assert is_same("description", text, cleaned, {})


def test_no_description_equals_an_empty_one() -> None:
    for one, other in (("", None), ("\n", None), (" ", "")):
        assert is_same("description", one, other, {})
    assert not is_same("description", "Plenary", None, {})
    assert not is_same("description", "", "Plenary", {})


titles = st.text(st.characters(categories=("L", "N", "P", "Zs", "Mn")), min_size=1, max_size=20)


@given(titles)
def test_a_title_equals_every_form_in_which_a_service_stores_it(title: str) -> None:
    if "&" in title:
        # A title that contains an HTML escape is another title once it is escaped again.
        title = title.replace("&", "and")
    for stored in (
        html.escape(title),
        " ".join(title.split()),
        f" {title} ",
        unicodedata.normalize("NFC", title),
        unicodedata.normalize("NFD", title),
        f"\u200e{title}\u200b",
    ):
        assert same_title(title, stored), stored


@pytest.mark.parametrize(
    ("one", "other"), [("Keynote", "keynote"), ("Talk 1", "Talk 2"), ("Cafe", "Caf\u00e9"), ("Key note", "Keynote")]
)
def test_titles_that_look_different_are_different(one: str, other: str) -> None:
    assert not same_title(one, other)


moments = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2100, 1, 1))  # noqa: DTZ001 - made aware


@given(moments, st.integers(0, 6), st.integers(-14 * 60, 14 * 60))
def test_a_start_equals_itself_at_the_precision_and_offset_of_the_service(
    moment: datetime, digits: int, minutes: int
) -> None:
    wanted = moment.replace(tzinfo=timezone.utc)
    unit = 10 ** (6 - digits)
    cut = wanted.replace(microsecond=wanted.microsecond // unit * unit)
    fraction = f".{cut.microsecond:06d}"[: digits + 1] if digits else ""
    there = cut.astimezone(timezone(timedelta(minutes=minutes)))
    offset = there.isoformat()[-6:]
    stored = f"{there.replace(microsecond=0, tzinfo=None).isoformat()}{fraction}{offset}"
    assert is_same("scheduled_start_time", wanted.isoformat(timespec="microseconds"), stored, {})


@given(moments, st.integers(1, 10_000_000))
def test_a_start_that_differs_by_seconds_is_different(moment: datetime, seconds: int) -> None:
    wanted = moment.replace(tzinfo=timezone.utc)
    stored = (wanted + timedelta(seconds=seconds)).isoformat(timespec="microseconds")
    assert not is_same("scheduled_start_time", wanted.isoformat(), stored, {})


def test_only_a_start_with_a_fraction_equals_the_rounded_second() -> None:
    assert not is_same("scheduled_start_time", "2027-05-04T09:00:00Z", "2027-05-04T09:00:01Z", {})
    assert is_same("scheduled_start_time", "2027-05-04T09:00:00.6Z", "2027-05-04T09:00:01Z", {})
    assert not is_same("scheduled_start_time", "2027-05-04T09:00:00.6Z", "2027-05-04T09:00:02Z", {})


def test_a_start_that_is_no_date_time_equals_only_the_same_text() -> None:
    assert is_same("scheduled_start_time", "soon", "soon", {})
    assert not is_same("scheduled_start_time", "2027-05-04T09:00:00Z", "soon", {})
    assert not is_same("scheduled_start_time", "2027-05-04T09:00:00Z", None, {})


@st.composite
def fields(draw: st.DrawFn) -> tuple[str, Any, Any, Any]:
    """A field, its requested value, and its reported values then and later. Settings have numbers and booleans."""
    field = draw(st.sampled_from(FIELDS))
    drawn = values if field.startswith(("settings.", "analytics.")) else texts
    return field, draw(drawn), draw(drawn | st.none()), draw(drawn | st.none())


@given(fields())
def test_a_remembered_difference_is_accepted_until_either_side_changes(drawn: tuple[str, Any, Any, Any]) -> None:
    field, asked, shown, later = drawn
    memory = updated_memory({}, {field: asked}, {field: shown})
    assert is_same(field, asked, shown, memory)
    # A field that is reported as it was sent is not remembered.
    assert (field in memory) == (not is_same(field, asked, shown, {}))
    assert is_same(field, asked, later, memory) == (
        is_same(field, asked, later, {}) or (field in memory and canonical(field, later) == canonical(field, shown))
    )
    assert updated_memory(memory, {field: asked}, {field: asked}) == {}


@given(st.dictionaries(st.sampled_from(FIELDS), st.builds(Kept, values, values | st.none()), max_size=4))
def test_a_memory_is_read_as_it_was_written(memory: dict[str, Kept]) -> None:
    assert memory_from(memory_text(memory)) == memory


@pytest.mark.parametrize("text", ["x", "[]", "7", '{"title": {}}', '{"title": 7}'])
def test_an_unreadable_memory_is_an_error_that_the_ledger_catches(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        memory_from(text)


def test_only_the_fields_that_were_sent_are_remembered_again() -> None:
    before = {"mode": Kept("rtmp", "webcam"), "settings.max_join_limit": Kept(500, 200)}
    after = updated_memory(before, {"settings.max_join_limit": 400}, {"settings.max_join_limit": 300, "mode": "other"})
    assert after == {"mode": Kept("rtmp", "webcam"), "settings.max_join_limit": Kept(400, 300)}
    assert difference_to_remember("mode", "rtmp", "RTMP") is None


def test_the_override_of_a_setting_takes_precedence_over_its_effective_value() -> None:
    session = Session(
        "s1",
        "r1",
        "Keynote",
        "scheduled",
        settings=Settings(True, True, 100),
        overrides=Settings(False, None, 500),
    )
    shown = shown_of_session(session)
    assert (shown["settings.chat_enabled"], shown["settings.stage_enabled"]) == (False, True)
    assert shown["settings.max_join_limit"] == 500


def test_a_field_that_was_not_requested_never_differs() -> None:
    assert wanted_of_session(SessionSpec("Keynote")) == {}
    assert wanted_of_room(RoomSpec(title="Main stage")) == {}
    assert differences({}, {"title": "x", "description": "y"}, {}) == []
    # False and 0 are requested values.
    asked = SessionSpec("Keynote", settings=Settings(chat_enabled=False, max_join_limit=0))
    found = differences(wanted_of_session(asked), {"settings.chat_enabled": True}, {})
    assert [(one.field, one.sent) for one in found] == [
        ("settings.chat_enabled", False),
        ("settings.max_join_limit", 0),
    ]
    assert [one.text() for one in found] == [
        "chat_enabled is True and False was asked for",
        "max_join_limit is not set and 0 was asked for",
    ]


def test_a_rooms_title_is_compared_only_if_its_id_is_given() -> None:
    assert wanted_of_room(RoomSpec(title="Hall")) == {}
    assert wanted_of_room(RoomSpec(title="Hall", room_id="r1")) == {"title": "Hall"}
