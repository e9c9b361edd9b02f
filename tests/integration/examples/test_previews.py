# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions and the lookup of their keys in check mode: correct tasks succeed, mistakes fail as in a real run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import PRESET, SESSION
from tests.integration.controller import Controller, Run
from tests.simulator.server import Simulator

PLACEHOLDER = "check-mode-there-is-no-stream-key-yet"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def keynote(**options: Any) -> dict[str, Any]:
    return {SESSION: {"room": "Main stage", "title": "Keynote", "preset_id": PRESET, **options}, "register": "made"}


def writing(ids: str, path: Path) -> dict[str, Any]:
    """The task that writes the key to a file, as in the documentation."""
    keys = f"query('tenbyte.webinar.stream_key', {ids}) | join(' ')"
    return {
        "ansible.builtin.copy": {"content": f"{{{{ {keys} }}}}", "dest": str(path), "mode": "0600"},
        "no_log": True,
        "diff": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
    }


def shows(ids: str) -> dict[str, Any]:
    return {"ansible.builtin.debug": {"msg": f"{{{{ query('tenbyte.webinar.stream_key', {ids}) }}}}"}}


def run(controller: Controller, *tasks: dict[str, Any], check: bool = True, **options: Any) -> Run:
    plays = [{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks)}]
    return controller.plays(plays, *(["--check"] if check else []), **options)


def test_check_mode_of_a_new_session_and_of_the_file_with_its_key_succeeds(
    simulator: Simulator, controller: Controller, tmp_path: Path
) -> None:
    previewed = run(controller, keynote(), writing("made.session.id", tmp_path / "key"), shows("made.session.id"))
    assert previewed.returncode == 0, previewed.output
    assert previewed.recap()["changed"] == 2
    assert PLACEHOLDER in previewed.output
    assert simulator.journal.writes() == []
    assert not (tmp_path / "key").exists()
    assert not controller.ledger_file.exists()
    done = run(controller, keynote(), writing("made.session.id", tmp_path / "key"), check=False)
    assert done.returncode == 0, done.output
    assert [(tmp_path / "key").read_text()] == list(simulator.issued_keys())
    again = run(controller, keynote(), writing("made.session.id", tmp_path / "key"))
    assert again.recap()["changed"] == 0


def test_check_mode_knows_the_keys_of_existing_sessions(
    simulator: Simulator, controller: Controller, tmp_path: Path
) -> None:
    assert run(controller, keynote(), check=False).returncode == 0
    panel = {**keynote(title="Panel"), "register": "panel"}
    both = "[made.session.id, panel.session.id]"
    done = run(controller, keynote(), panel, writing(both, tmp_path / "keys"), shows("panel.session.id"))
    assert done.returncode == 0, done.output
    assert PLACEHOLDER in done.output
    assert all(key not in done.output for key in simulator.issued_keys())


@pytest.mark.seed(
    rooms=[{"title": "Main stage", "host": "host"}],
    sessions=[{"room": "Main stage", "title": "Keynote", "preset_id": PRESET}],
)
@pytest.mark.parametrize("policy", ["go_live", "replace"])
def test_check_mode_of_a_run_that_recovers_a_lost_key_succeeds(controller: Controller, policy: str) -> None:
    done = run(controller, keynote(on_missing_key=policy), shows("made.session.id"))
    assert done.returncode == 0, done.output
    assert PLACEHOLDER in done.output


@pytest.mark.seed(
    rooms=[{"title": "Main stage", "host": "host"}],
    sessions=[{"room": "Main stage", "title": "Keynote", "preset_id": PRESET}],
)
def test_check_mode_reports_a_session_that_will_have_no_key(controller: Controller) -> None:
    done = run(controller, keynote(on_missing_key="ignore"), shows("made.session.id"))
    assert done.returncode != 0
    assert "there is no ledger at" in done.output


def test_check_mode_reports_a_wrong_session_id(controller: Controller) -> None:
    assert "there is no ledger at" in run(controller, keynote(), shows(f"'{UNKNOWN_ID}'")).output
    assert run(controller, keynote(), check=False).returncode == 0
    done = run(controller, keynote(), shows(f"['{UNKNOWN_ID}', made.session.id]"))
    assert done.returncode != 0
    assert f"no stream key for a session with the id '{UNKNOWN_ID}'" in " ".join(done.output.split())


def test_a_task_in_check_mode_within_a_real_run_explains_why_there_is_no_key(controller: Controller) -> None:
    done = run(controller, {**keynote(), "check_mode": True}, shows("made.session.id"), check=False)
    assert done.returncode != 0
    assert "was only previewed" in " ".join(done.output.split())


def test_the_lookup_accepts_a_list_of_ids_and_opens_the_ledger_once(
    simulator: Simulator, controller: Controller, tmp_path: Path
) -> None:
    talks = {**keynote(title="Talk {{ item }}"), "loop": [1, 2, 3]}
    ids = "made.results | map(attribute='session.id') | list"
    done = run(
        controller, talks, writing(ids, tmp_path / "keys"), writing(f"[[{ids}]]", tmp_path / "nested"), check=False
    )
    assert done.returncode == 0, done.output
    keys = (tmp_path / "keys").read_text().split()
    assert sorted(keys) == sorted(simulator.issued_keys())
    assert (tmp_path / "nested").read_text().split() == keys


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ("none", "the session id is empty"),
        ("['', '  ']", "the session id number 1 of 2 is empty"),
        ("{'id': 'x'}", "a mapping was given"),
        ("undefined_thing.id", "undefined"),
        ("'x', ledger_ulr='sqlite:////x'", "Did you mean ledger_url?"),
    ],
)
def test_an_invalid_session_id_is_reported_in_one_sentence(controller: Controller, ids: str, said: str) -> None:
    done = run(controller, shows(ids), check=False)
    assert done.returncode != 0
    assert said in " ".join(done.output.split())
    assert "tenbyte.webinar has a bug" not in done.output
    assert "Traceback" not in done.output
