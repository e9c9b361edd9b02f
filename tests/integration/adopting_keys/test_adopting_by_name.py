# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook adopt.yml of docs/from-the-dashboard.md gives each session its own key, whatever the titles are."""

from __future__ import annotations

import pytest
import yaml

from tests.documented import ROOT, named_block
from tests.integration.adopting_keys.test_stream_key_action import kept_key
from tests.integration.conftest import PRESET
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

SESSIONS = {
    "Main stage/Keynote": "00000000-0000-4000-8000-0000000000c1",
    "Side stage/Keynote": "00000000-0000-4000-8000-0000000000c2",
    "Side stage/Panel": "00000000-0000-4000-8000-0000000000c3",
}
ROOMS = [
    {"id": "00000000-0000-4000-8000-0000000000a1", "title": "Main stage", "host": "host"},
    {"id": "00000000-0000-4000-8000-0000000000a2", "title": "Side stage", "host": "host"},
]


def in_room(label: str, session_id: str) -> dict[str, str]:
    room, _slash, title = label.partition("/")
    return {"id": session_id, "room": room, "title": title, "preset_id": PRESET}


pytestmark = pytest.mark.seed(rooms=ROOMS, sessions=[in_room(*session) for session in SESSIONS.items()])


def adopt(controller: Controller, keys: dict[str, str]) -> Run:
    """Run the playbook with keys from the environment, so that no file of the test holds them."""
    [play] = yaml.safe_load(named_block(ROOT / "docs" / "from-the-dashboard.md", "adopt.yml"))
    names = {label: f"ADOPTED_KEY_{number}" for number, label in enumerate(keys)}
    play["vars"]["dashboard_keys"] = {
        label: f"{{{{ lookup('ansible.builtin.env', '{name}') }}}}" for label, name in names.items()
    }
    run = controller.plays([play], environment={names[label]: key for label, key in keys.items()})
    assert not [key for key in keys.values() if key in f"{run.output}{run.records}"]
    return run


def test_sessions_of_the_same_title_in_two_rooms_get_their_own_keys(
    simulator: Simulator, controller: Controller
) -> None:
    keys = {label: simulator.service.stream_key_of(SESSIONS[label]) for label in list(SESSIONS)[:2]}
    run = adopt(controller, keys)
    assert run.returncode == 0, run.output
    assert {label: kept_key(controller, SESSIONS[label]) for label in keys} == keys
    assert kept_key(controller, SESSIONS["Side stage/Panel"]) is None
    assert adopt(controller, keys).recap()["changed"] == 0


@pytest.mark.parametrize("name", ["Keynote", "Main stage/Panel"])
def test_a_name_of_no_session_is_refused_before_any_key_is_kept(
    simulator: Simulator, controller: Controller, name: str
) -> None:
    panel = "Side stage/Panel"
    run = adopt(controller, {panel: simulator.service.stream_key_of(SESSIONS[panel]), name: "unit-key-of-nothing"})
    assert run.returncode != 0
    assert "the ROOM/TITLE of exactly one session" in run.output
    assert not controller.ledger_file.exists()
