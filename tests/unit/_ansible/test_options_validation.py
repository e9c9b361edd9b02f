# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible import argument_specs
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.options import options_from
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.user_values import is_empty
from hypothesis import given as examples
from hypothesis import strategies as st

SPECS = {
    "event": argument_specs.EVENT_SPEC,
    "room": argument_specs.ROOM_SPEC,
    "session": argument_specs.SESSION_SPEC,
    "room_info": argument_specs.ROOM_INFO_SPEC,
    "session_info": argument_specs.SESSION_INFO_SPEC,
    "stream_key": argument_specs.STREAM_KEY_SPEC,
    "ledger": argument_specs.LEDGER_ACTION_SPEC,
}
EMPTY = st.sampled_from([None, "", " ", "\n", " \t\r\n", "\u00a0"])
PRESET = "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11"


def read(arguments: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Read a task's own options, with nothing from variables or the environment."""
    return options_from(arguments, spec, lambda _name: None, {})


def required(spec: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"str": "Keynote", "list": []}
    return {
        name: option.get("choices", [values[option["type"]]])[0]
        for name, option in spec.items()
        if option.get("required")
    }


@st.composite
def arguments(draw: st.DrawFn, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Draw arguments. Each optional one is left out, given, or empty in one of several ways."""
    drawn: dict[str, Any] = {}
    for name, option in spec.items():
        kind = option["type"]
        by_type: dict[str, st.SearchStrategy[Any]] = {
            "str": st.sampled_from(option.get("choices") or ["Keynote", "x y", "7"]),
            "path": st.sampled_from(["/srv/x", "relative/x"]),
            "bool": st.sampled_from([True, False, "yes", "no", "1", "0", "on", "off", 0, 1]),
            "int": st.sampled_from([1, "1", 16, "16"]),
            "float": st.sampled_from([1, "1.5", 30.0]),
        }
        if kind in by_type:
            value = by_type[kind]
        elif kind == "dict":
            value = arguments(option["options"])
        elif option["elements"] == "dict":
            value = st.lists(arguments(option["options"]), max_size=2)
        elif option["elements"] == "int":
            value = st.lists(st.sampled_from([1, "2"]), max_size=2)
        else:
            value = st.lists(st.sampled_from(option.get("choices") or ["a", "b"]), max_size=2)
        if option.get("required"):
            drawn[name] = draw(value)
        elif draw(st.booleans()):
            drawn[name] = draw(value if name == "description" else st.one_of(value, EMPTY))
    return drawn


def without_empty(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: without_empty(item) for key, item in value.items() if not is_empty(item)}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


def without_none(value: Any) -> Any:
    """Return options without None, which some versions of Ansible fill in for nested options that are not given."""
    if isinstance(value, Mapping):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return [without_none(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("action", SPECS)
def test_options_are_read_as_by_ansible_without_empty_values(action: str) -> None:
    spec = SPECS[action]

    @examples(arguments(spec))
    def check(drawn: dict[str, Any]) -> None:
        ansible = ArgumentSpecValidator(spec).validate(without_empty(drawn))
        assert ansible.error_messages == []
        assert without_none(read(drawn, spec)) == without_none(ansible.validated_parameters)

    check()


@pytest.mark.parametrize("action", SPECS)
def test_every_optional_option_may_be_empty_and_is_then_not_given(action: str) -> None:
    spec = SPECS[action]
    plain = read(required(spec), spec)
    for empty in ("", " \n", None):
        filled = {name: empty for name, option in spec.items() if not option.get("required") and name != "description"}
        assert read({**filled, **required(spec)}, spec) == plain


@pytest.mark.parametrize("action", SPECS)
def test_every_required_option_is_reported_missing_by_its_name(action: str) -> None:
    spec = SPECS[action]
    for name in required(spec):
        for empty in ("", None):
            with pytest.raises(InvalidInput, match=rf"\b{name} is missing"):
                read({**required(spec), name: empty}, spec)


def session(**options: Any) -> dict[str, Any]:
    return read({"title": "Keynote", **options}, argument_specs.SESSION_SPEC)


def test_a_description_keeps_its_blanks_and_may_be_empty() -> None:
    assert [session(description=text)["description"] for text in ("", " a\n", None)] == ["", " a\n", None]


def test_a_title_keeps_its_blanks() -> None:
    assert (session(title=" Keynote ")["title"], session(room="Hall ")["room"]) == (" Keynote ", "Hall ")


def test_other_texts_lose_the_blanks_around_them() -> None:
    assert session(preset_id=f" {PRESET}\n", mode=" rtmp", encoder="\tenc1 ")["preset_id"] == PRESET


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2027, 5, 4, 9, tzinfo=timezone(timedelta(hours=2))), "2027-05-04T09:00:00+02:00"),
        (datetime(2027, 5, 4, 9, tzinfo=timezone.utc).replace(tzinfo=None), "2027-05-04T09:00:00"),
        (date(2027, 5, 4), "2027-05-04"),
    ],
)
def test_a_date_of_yaml_becomes_text(value: date, text: str) -> None:
    assert session(scheduled_start_time=value)["scheduled_start_time"] == text


@pytest.mark.parametrize("value", [True, False, math.nan, math.inf, -math.inf, 1.5, "1.5", "x", [1], {"a": 1}, "1e999"])
def test_a_value_that_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^retries is .*; give a whole number"):
        session(retries=value)


@pytest.mark.parametrize("value", [True, "soon", [1], {}])
def test_a_value_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"wait_timeout is .*; give a number"):
        session(wait_timeout=value)


@pytest.mark.parametrize("value", [["a"], {"a": 1}, True])
@pytest.mark.parametrize("name", ["api_key", "stream_key", "ledger_key"])
def test_a_secret_of_the_wrong_type_is_refused_and_not_quoted(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=name) as caught:
        read({"session_id": "x", name: value}, argument_specs.STREAM_KEY_SPEC)
    assert "'a'" not in str(caught.value)


@pytest.mark.parametrize(
    ("rooms", "message"),
    [
        ("Main stage", "^rooms is a text; give a list"),
        ({"title": "Hall"}, "^rooms is a mapping; give a list"),
        (["Hall"], r"^rooms\[0\] is 'Hall'; give a mapping of options: title"),
        ([{"title": "Hall", "sessions": "Keynote"}], r"^rooms\[0\] 'Hall': sessions is a text; give a list"),
        (
            [{"title": "A: B", "sessions": [{"title": "C: D", "mode": 1}]}],
            r"^rooms\[0\] 'A: B', sessions\[0\] 'C: D': mode",
        ),
        ([{"room_id": PRESET, "colour": 1}], rf"^rooms\[0\] '{PRESET}': colour is no option there"),
        ([{"room_id": "sk-" + "x" * 40, "colour": 1}], r"^rooms\[0\]: colour is no option there"),
        (
            [{"title": "Hall", "sessions": [{"presetid": 1}]}],
            r"sessions\[0\]: presetid is no .*Did you mean preset_id\?",
        ),
        ([{"title": ["x"], "sessions": []}], r"^rooms\[0\]: title is a list; give a text"),
        ([{"title": "x" * 60, "state": "gone"}], r"^rooms\[0\] 'x{40}…': state is 'gone'; it must be one of: present"),
    ],
)
def test_a_mistake_in_an_event_names_its_position(rooms: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read({"rooms": rooms}, argument_specs.EVENT_SPEC)


def test_rooms_may_be_a_text_of_json_as_surveys_give_it() -> None:
    event = read({"rooms": ' [{"title": "Hall", "sessions": null}, null]'}, argument_specs.EVENT_SPEC)
    assert [(room["title"], room["sessions"]) for room in event["rooms"]] == [("Hall", [])]


@pytest.mark.parametrize(
    "start",
    [
        datetime(2027, 5, 4, 9, tzinfo=timezone(timedelta(hours=2))),
        datetime(2027, 5, 4, 2, 0, 0, 5, tzinfo=timezone(timedelta(hours=-5))),
        datetime(2027, 5, 4, 7, tzinfo=timezone.utc),
        date(2027, 5, 4),
    ],
)
def test_rooms_may_be_python_text_as_older_cores_pass_dates(start: date) -> None:
    rooms = [{"title": "It's", "sessions": [{"title": "Keynote", "scheduled_start_time": start, "settings": None}]}]
    event = read({"rooms": str(rooms)}, argument_specs.EVENT_SPEC)
    assert event == read({"rooms": rooms}, argument_specs.EVENT_SPEC)
    assert event["rooms"][0]["sessions"][0]["scheduled_start_time"] == start.isoformat()


@pytest.mark.parametrize("text", ["[open('x')]", "[__import__('os')]", "[x]", "[{**{}}]", "[1 + 1]", "[" * 5000, "["])
def test_a_text_that_is_not_a_literal_is_not_evaluated(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^rooms is a text; give a list"):
        read({"rooms": text}, argument_specs.EVENT_SPEC)


@pytest.mark.parametrize("text", ["loud", "{1, 2}", "a=1 b", "{", "[]"])
def test_a_text_that_is_not_a_mapping_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^session 'Keynote': settings is '.*'; give a mapping of options: chat_"):
        session(settings=text)


def test_a_mistake_of_the_action_session_names_session_and_room() -> None:
    with pytest.raises(InvalidInput, match=r"^room 'Hall', session 'Keynote': mode is 'fax'"):
        session(room="Hall", mode="fax")
    with pytest.raises(InvalidInput, match=r"^session 'Keynote': settings.chat is no option there"):
        session(settings={"chat": True})


ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.sampled_from(["[1", "{a", "a=1 b"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["title", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@st.composite
def of_any_type(draw: st.DrawFn, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Draw arguments: some have the right shape, others are anything."""
    drawn: dict[str, Any] = {}
    for name, option in spec.items():
        value = ANYTHING
        if "options" in option:
            nested = of_any_type(option["options"])
            value = st.one_of(nested if option["type"] == "dict" else st.lists(nested, max_size=2), ANYTHING)
        if draw(st.booleans()):
            drawn[name] = draw(value)
    return drawn


@pytest.mark.parametrize("action", ["session", "event", "ledger"])
def test_any_input_is_read_or_refused_with_a_message(action: str) -> None:
    spec = SPECS[action]

    @examples(of_any_type(spec))
    def check(drawn: dict[str, Any]) -> None:
        with contextlib.suppress(InvalidInput):
            assert set(read({**required(spec), **drawn}, spec)) == set(spec)

    check()
