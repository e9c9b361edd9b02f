# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/troubleshooting.md has a row for each message of the code, and no row for anything else."""

from __future__ import annotations

import pytest

from tests.messages import GAP, PAGE, matches, messages, of_python, of_tasks, rows
from tests.texts_that_are_no_errors import BEGINNINGS, FILES, TEXTS

# One row may be about several messages with one beginning.
MOST_ALIKE = 6


def of_errors() -> dict[str, str]:
    return {
        text: path
        for text, path in messages().items()
        if not any(path.endswith(name) for name in FILES) and text not in TEXTS and not text.startswith(BEGINNINGS)
    }


def test_each_message_of_the_code_has_a_row() -> None:
    shown = [one for names, _cure in rows(PAGE.read_text()) for one in names]
    missing = [f"{path}: {text}" for text, path in of_errors().items() if not any(matches(one, text) for one in shown)]
    assert missing == [], "add them to docs/troubleshooting.md, or to tests/texts_that_are_no_errors.py"


def test_each_row_is_about_a_message_of_the_code() -> None:
    known = list(of_errors())
    unknown = [
        one for names, _cure in rows(PAGE.read_text()) for one in names if not any(matches(one, text) for text in known)
    ]
    assert unknown == [], "docs/troubleshooting.md has messages that the code does not have"


def test_each_row_says_what_to_do_and_does_not_match_at_random() -> None:
    known = list(of_errors())
    found = rows(PAGE.read_text())
    assert len(found) > 150
    for names, cure in found:
        assert len(cure) > 5, names
        for one in names:
            assert sum(matches(one, text) for text in known) <= MOST_ALIKE, one


def test_the_exceptions_exist() -> None:
    known = messages()
    assert [text for text in TEXTS if text not in known] == []
    assert [text for text in BEGINNINGS if not any(one.startswith(text) for one in known)] == []
    assert [name for name in FILES if not any(path.endswith(name) for path in known.values())] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise InvalidInput("room_id is wrong.")', ["room_id is wrong."]),
        ('raise InvalidInput(f"{where}: room {name!r} is wrong.")', [f"{GAP}: room {GAP} is wrong."]),
        ('def f():\n    return "The room is wrong, " + why', [f"The room is wrong, {GAP}"]),
        ('SENTENCE = "{} is not a number at all".format', [f"{GAP} is not a number at all"]),
        ('def f():\n    """Say which room is wrong."""', []),
        ('DOCUMENTATION = "a page that is for everybody"', []),
    ],
)
def test_sentences_of_python_are_found(source: str, found: list[str]) -> None:
    assert list(of_python(source)) == found


def test_sentences_of_tasks_are_found() -> None:
    template = "{{ host }} has no room. {{ 'It was never made here.' if new else '' }}"
    tasks = [{"block": [{"ansible.builtin.assert": {"fail_msg": template}}]}, {"ansible.builtin.fail": {"msg": "No."}}]
    assert list(of_tasks(tasks)) == [f"{GAP} has no room. {GAP}", "It was never made here."]


def test_messages_are_found_in_every_place() -> None:
    places = {path.split("/")[0] + "/" + path.split("/")[1] for path in messages().values()}
    assert {
        "plugins/plugin_utils",
        "plugins/module_utils",
        "playbooks/tasks",
        "roles/private_encoder",
    } <= places
    assert any(path.startswith("roles/") and path.endswith("/files/health.py") for path in messages().values())


def test_a_message_is_recognised_by_its_pieces_in_order() -> None:
    assert matches("the room … is gone", "…: the room … is gone by now.")
    assert not matches("is gone … the room", "…: the room … is gone by now.")
