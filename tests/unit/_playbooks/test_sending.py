# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._playbooks.sending import asked_sending, unsent_warning

GROUPS = {"all": ["localhost", "enc1", "enc2", "other1"], "encoders": ["enc1", "enc2"]}
SENDERS = ["enc1", "enc2"]


def event(*sessions: dict[str, Any], **room: Any) -> list[dict[str, Any]]:
    return [{"title": "Hall", "sessions": list(sessions), **room}]


def wrong(*encoders: str, groups: Any = None, senders: Any = None) -> list[str]:
    sessions = [{"title": f"Talk {number}", "encoder": encoder} for number, encoder in enumerate(encoders)]
    found = asked_sending(event(*sessions), "", groups or GROUPS, SENDERS if senders is None else senders)
    sentences: list[str] = found["wrong"]
    return sentences


@pytest.mark.parametrize(
    ("groups", "senders", "said"),
    [
        (GROUPS, SENDERS, "Hall/Talk 0: its encoder encx is no host of the inventory; its groups encoders, "),
        (GROUPS, SENDERS, "have enc1, enc2."),
        ({"all": ["encx"]}, [], "encx is a host of the inventory, but of none of its groups encoders, relays and "),
        ({"all": ["web1"]}, [], "no host of the inventory, which has none of the groups encoders, relays and studios."),
        ({"all": ["localhost"]}, [], "Hall/Talk 0: has the encoder encx, but no inventory was given: add -i INVENTORY"),
    ],
)
def test_an_encoder_that_does_not_send_is_wrong(groups: Any, senders: list[str], said: str) -> None:
    (sentence,) = wrong("encx", groups=groups, senders=senders)
    assert said in sentence


def test_what_is_sent_is_not_spoken_of() -> None:
    assert wrong("enc1", " enc2 ") == []


def test_each_encoder_has_one_sentence_however_many_sessions_name_it() -> None:
    one, other = wrong(*["encx"] * 14, "ency")
    assert one.startswith("Hall/Talk 0, Hall/Talk 1, ")
    assert "Hall/Talk 9 and 4 more: their encoder encx is no host" in one
    assert other.startswith("Hall/Talk 14: its encoder ency is")


def test_the_message_stays_short_however_many_encoders_are_wrong() -> None:
    sentences = wrong(*(f"enc-{number}" for number in range(2000)))
    assert sentences[-1] == "The same is true of 1,990 more encoders."
    assert len(" | ".join(sentences)) < 4000


@pytest.mark.parametrize(
    ("state", "of_room", "of_session", "counts"),
    [
        ("", "", "", True),
        ("present", "present", "live", True),
        ("", "absent", "", False),
        ("", "", "ended", False),
        ("", "", "absent", False),
        ("live", "", "absent", False),
        ("live", "", "", True),
        ("absent", "", "", False),
    ],
)
def test_only_sessions_that_are_to_be_there_count(state: str, of_room: str, of_session: str, counts: bool) -> None:
    asked = event({"title": "Talk", "state": of_session}, {"encoder": "encx", "state": of_session}, state=of_room)
    found = asked_sending(asked, state, GROUPS, SENDERS)
    assert found["without"] == ("Hall/Talk" if counts else "")
    assert [one.startswith("Hall/?: its encoder encx") for one in found["wrong"]] == ([True] if counts else [])


@pytest.mark.parametrize(
    "asked", [None, "text", 5, {"title": "Hall"}, [None, "x", {"sessions": "x"}, {"sessions": [1]}]]
)
def test_what_is_malformed_is_left_to_the_action(asked: Any) -> None:
    assert asked_sending(asked, "", GROUPS, SENDERS) == {"wrong": [], "without": ""}


def sent_by(*encoders: str | None) -> list[dict[str, Any]]:
    return [{"name": f"Hall/Talk {number}", "encoder": encoder} for number, encoder in enumerate(encoders)]


OTHER1 = "is a host of the inventory, but of none of its groups encoders, relays and studios."
ENCODERS = "encoders encx, ency are no hosts of the inventory."
TWO = "WARNING: 2 sessions get no stream (Hall/Talk 0, Hall/Talk 2), because their"


@pytest.mark.parametrize(
    ("encoders", "said"),
    [
        (["enc1", None, ""], ""),
        (["encx"], "WARNING: Hall/Talk 0 gets no stream, because its encoder encx is no host of the inventory."),
        (["other1", "enc1", "other1"], f"{TWO} encoder other1 {OTHER1}"),
        (
            ["encx", "other1", "ency"],
            f"WARNING: Hall/Talk 1 gets no stream, because its encoder other1 {OTHER1} {TWO} {ENCODERS}",
        ),
    ],
)
def test_one_message_tells_which_sessions_are_not_sent(encoders: list[str | None], said: str) -> None:
    assert unsent_warning(sent_by(*encoders), GROUPS, SENDERS) == said


def test_the_warning_names_the_first_sessions_and_encoders_and_counts_the_others() -> None:
    said = unsent_warning(sent_by(*(f"enc-{number}" for number in range(2000))), GROUPS, SENDERS)
    assert said.startswith("WARNING: 2,000 sessions get no stream (Hall/Talk 0, ")
    assert said.count("and 1,990 more") == 2
    assert len(said) < 1000


def test_a_session_of_an_earlier_version_without_a_name_is_named_by_room_and_title() -> None:
    said = unsent_warning([{"room": "Hall", "title": "Talk", "encoder": "encx"}], GROUPS, SENDERS)
    assert "Hall/Talk gets no stream" in said


def test_the_time_grows_with_the_sessions_and_not_with_their_square() -> None:
    sessions = [{"title": f"Talk {number}", "encoder": f"enc-{number}"} for number in range(20_000)]
    groups = {"all": [f"enc-{number}" for number in range(20_000)]}
    began = time.process_time()
    asked_sending(event(*sessions), "", groups, groups["all"][:10_000])
    assert time.process_time() - began < 5
