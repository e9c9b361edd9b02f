# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which changes of the list of public names break what users have, and which add to it."""

from __future__ import annotations

import pytest

from tests.public_interface import PAGE
from tests.release.interface_change import Difference, compare, redirects, short_name, untold

BEFORE = (
    "module room",
    "module room: option title: str, required",
    'module room: option state: str, default "present", one of ["present", "absent"]',
    "module room: option tags: list of dict",
    "module room: option tags[].name: str",
    "module room: returns id: str",
    "role event: tasks_from main",
    "role event: variable event_rooms: list of dict, required",
    "playbook status: variable status_html",
    "fact tenbyte_event: of the action event",
    "file roles/event/tasks/main.yml",
    "needs ansible-core>=2.16.0",
    "needs requests>=2.31",
    "ledger schema version 9",
)


def changed(earlier: str, *now: str) -> tuple[str, ...]:
    assert earlier in BEFORE
    return (*(line for line in BEFORE if line != earlier), *now)


@pytest.mark.parametrize("line", [line for line in BEFORE if not line.startswith("file ")])
def test_a_removed_name_breaks(line: str) -> None:
    gone = [one for one in BEFORE if one == line or one.startswith((f"{line}: ", f"{line.partition(': list')[0]}[]."))]
    assert compare(BEFORE, [one for one in BEFORE if one not in gone]).broken == (line,)


def test_files_are_no_names_of_users() -> None:
    other = changed("file roles/event/tasks/main.yml", "file roles/event/tasks/other.yml")
    assert compare(BEFORE, other) == compare(BEFORE, BEFORE)
    assert not compare(BEFORE, BEFORE).broken + compare(BEFORE, BEFORE).added


@pytest.mark.parametrize(
    "line",
    [
        "module room: option description: str",
        "module room: option tags[].colour: str",
        "module room: option labels: list of dict",
        "module room: returns name: str",
        "module other",
        "role event: variable event_color: str",
        "playbook status: variable status_json",
        "needs other>=1.0",
    ],
)
def test_a_new_name_adds(line: str) -> None:
    difference = compare(BEFORE, (*BEFORE, line))
    assert (difference.broken, difference.added) == ((), (line,))


@pytest.mark.parametrize(
    "line",
    [
        "module room: option account: str, required",
        "module room: option tags[].kind: str, required",
        "role event: variable event_account: str, required",
    ],
)
def test_a_new_required_option_of_something_that_exists_breaks(line: str) -> None:
    assert compare(BEFORE, (*BEFORE, line)).broken == (line,)


@pytest.mark.parametrize(
    "lines",
    [
        ("module other", "module other: option account: str, required"),
        ("module room: option labels: list of dict", "module room: option labels[].name: str, required"),
        ("role other: tasks_from main", "role other: variable other_account: str, required"),
    ],
)
def test_a_required_option_of_something_new_breaks_nothing(lines: tuple[str, ...]) -> None:
    difference = compare(BEFORE, (*BEFORE, *lines))
    assert difference.broken == ()
    assert lines[0] in difference.added


STATE = BEFORE[2]


@pytest.mark.parametrize(
    ("earlier", "now"),
    [
        ("module room: option title: str, required", "module room: option title: str"),
        ("module room: option title: str, required", 'module room: option title: str, required, also ["name"]'),
        (STATE, STATE.replace('"absent"', '"absent", "ended"')),
        (STATE, STATE.partition(", one of")[0]),
        ("needs requests>=2.31", "needs requests>=2.28"),
        ("needs ansible-core>=2.16.0", "needs ansible-core>=2.9.0"),
        ("ledger schema version 9", "ledger schema version 10"),
    ],
)
def test_what_accepts_more_than_before_adds(earlier: str, now: str) -> None:
    difference = compare(BEFORE, changed(earlier, now))
    assert (difference.broken, difference.added) == ((), (now,))


@pytest.mark.parametrize(
    ("earlier", "now"),
    [
        ("module room: option title: str, required", "module room: option title: int, required"),
        ("module room: option tags: list of dict", "module room: option tags: list of dict, required"),
        (STATE, STATE.replace('default "present"', 'default "absent"')),
        (STATE, STATE.replace(', "absent"', "")),
        ("module room: returns id: str", "module room: returns id: int"),
        ("needs requests>=2.31", "needs requests>=2.100"),
        ("needs ansible-core>=2.16.0", "needs ansible-core>=2.17.0"),
        ("ledger schema version 9", "ledger schema version 8"),
    ],
)
def test_what_accepts_less_or_something_else_breaks(earlier: str, now: str) -> None:
    (line,) = compare(BEFORE, changed(earlier, now)).broken
    assert line.startswith(earlier)


def test_a_renamed_option_with_its_old_name_as_an_alias_breaks_nothing() -> None:
    earlier = "module room: option title: str, required"
    assert not compare(BEFORE, changed(earlier, 'module room: option name: str, also ["title"]')).broken
    assert compare(BEFORE, changed(earlier, "module room: option name: str")).broken
    # The alias of an option at another place, or of another plugin, is none for this one.
    elsewhere = (
        'module room: option tags[].label: str, also ["title"]',
        'module other: option name: str, also ["title"]',
    )
    assert compare(BEFORE, changed(earlier, *elsewhere)).broken == (earlier,)


def test_a_plugin_with_a_redirect_from_its_old_name_breaks_nothing() -> None:
    renamed = [line.replace("module room", "module place") for line in BEFORE]
    assert not compare(BEFORE, renamed, {"module room": "module place"}).broken
    assert compare(BEFORE, renamed).broken == ("module room",)


def test_the_members_of_a_removed_or_new_thing_are_not_told_one_by_one() -> None:
    without = [line for line in BEFORE if "room" not in line.partition(": variable")[0]]
    assert compare(BEFORE, without).broken == ("module room",)
    assert compare(without, BEFORE).added == ("module room",)


def test_a_redirect_in_the_runtime_settings_is_an_alias() -> None:
    runtime = {"plugin_routing": {"modules": {"room": {"redirect": "tenbyte.webinar.place"}, "old": {"tombstone": {}}}}}
    assert redirects(runtime) == {"module room": "module place"}
    assert redirects({}) == {}


GONE = Difference(broken=("module room: option tags[].name: str", "role event: variable event_state: str"))
NEW = Difference(added=("module other",))


@pytest.mark.parametrize("section", ["breaking_changes", "removed_features"])
def test_what_breaks_is_told_if_an_entry_names_it(section: str) -> None:
    assert not untold(GONE, {section: ["room - ``tags[].name`` is gone.", "event role - ``event_state`` is gone."]})
    (line,) = untold(GONE, {section: ["room - ``tags[].name`` is gone.", "event role - ``event_states`` is new."]})
    assert "event_state" in line


@pytest.mark.parametrize("section", ["minor_changes", "major_changes", "bugfixes", "deprecated_features"])
def test_what_breaks_is_not_told_by_another_section(section: str) -> None:
    assert len(untold(GONE, {section: ["name and event_state are gone."]})) == 2


@pytest.mark.parametrize("section", ["minor_changes", "major_changes", "breaking_changes"])
def test_what_is_new_is_told_by_an_entry(section: str) -> None:
    assert not untold(NEW, {section: ["other - is new."]})
    others: list[dict[str, list[str]]] = [{}, {section: []}, {"bugfixes": ["other - works."]}]
    assert [len(untold(NEW, other)) for other in others] == [1, 1, 1]


def test_without_a_difference_there_is_nothing_to_tell() -> None:
    assert untold(Difference(), {}) == []


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("module room: option tags[].name: str", "name"),
        ('role event: variable event_state: str, default "a. b"', "event_state"),
        ("playbook status: variable status_html", "status_html"),
        ("fact tenbyte_event: of the action event", "tenbyte_event"),
        ("module room", "room"),
        ("needs requests>=2.31 -> >=2.32", "requests"),
    ],
)
def test_a_line_is_told_by_its_last_name(line: str, name: str) -> None:
    assert short_name(line) == name


def test_each_line_of_the_list_has_a_name_of_its_own() -> None:
    lines = PAGE.read_text().splitlines()
    assert compare(lines, lines) == compare([], [])
    named = [line for line in lines if not line.startswith("file ")]
    for line in named[::20]:
        difference = compare(lines, [one for one in lines if one != line])
        assert len(difference.broken) <= 1
        assert not difference.added
