# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documented differences between versions of ansible-core: where a revealed key is hidden, and what 2.22 masks."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cores import ALL, Core, NotHere, environment_of
from tests.integration.controller import Controller, Run
from tests.leaks.plays import PRESET
from tests.simulator.server import Simulator

CORES = ALL if os.environ.get("TENBYTE_TEST_CORES") == "all" else (ALL[0], ALL[-1])
SESSION = "tenbyte.webinar.session"


def version(core: Core) -> tuple[int, ...]:
    return tuple(int(part) for part in core.series.split("."))


@pytest.fixture(params=CORES, ids=lambda core: core.series)
def core(request: pytest.FixtureRequest) -> Core:
    chosen: Core = request.param
    return chosen


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    user = {"username": "host", "email": "host@example.com", "token": "t" * 9}
    seed = {
        "users": [{**user, "api_key": f"masked-key-{secrets.token_hex(12)}"}],
        "presets": [{"id": PRESET, "name": "Stage", "type": "rtmp"}],
    }
    with Simulator(seed) as running:
        yield running


def run(core: Core, simulator: Simulator, home: Path, collections: Path, *tasks: dict[str, Any]) -> Run:
    try:
        commands = environment_of(core)
    except NotHere as reason:
        pytest.skip(f"not run on ansible-core {core.series}: {reason}")
    key = simulator.service.users[0].api_key
    controller = Controller(home, simulator.api_url, key, collections, bin=commands)
    return controller.plays([{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks)}], "-vvvv")


def revealing(title: str, **keywords: Any) -> dict[str, Any]:
    options = {"room": "Main stage", "title": title, "preset_id": PRESET, "reveal_stream_key": True}
    return {SESSION: options, "register": "made", **keywords}


def shown(done: Run) -> str:
    """Return the output and all data that a callback received."""
    return done.output + json.dumps(done.records)


def test_debug_masks_keys_and_credentials_since_2_22(
    core: Core, simulator: Simulator, tmp_path: Path, collections_path: Path
) -> None:
    api_key = simulator.service.users[0].api_key
    tasks = [
        revealing("Keynote"),
        {"ansible.builtin.debug": {"var": "made.session.stream_key"}},
        {"ansible.builtin.debug": {"msg": "{{ lookup('tenbyte.webinar.stream_key', made.session.id) }}"}},
        {"ansible.builtin.debug": {"msg": "{{ lookup('ansible.builtin.env', 'TENBYTE_API_KEY') }}"}},
    ]
    done = run(core, simulator, tmp_path / "controller", collections_path, *tasks)
    assert done.returncode == 0, done.output
    [key] = simulator.issued_keys()
    is_masked = version(core) >= (2, 22)
    assert (key in done.output, api_key in done.output) == (not is_masked, not is_masked)
    assert (key in json.dumps(done.records)) == (not is_masked)


def test_a_revealed_key_in_a_loop_is_hidden_or_refused(
    core: Core, simulator: Simulator, tmp_path: Path, collections_path: Path
) -> None:
    task = revealing("{{ item }}", loop=["Keynote", "Panel"])
    done = run(core, simulator, tmp_path / "one", collections_path, task)
    is_refused = version(core) < (2, 19)
    assert ("Add no_log: true to the task" in done.output) == is_refused
    assert len(simulator.issued_keys()) == (0 if is_refused else 2)
    with_no_log = run(
        core, simulator, tmp_path / "two", collections_path, revealing("{{ item }}", loop=["A talk"], no_log=True)
    )
    assert with_no_log.returncode == 0, with_no_log.output
    keys = simulator.issued_keys()
    assert keys
    assert not [key for key in keys if key in shown(done) + shown(with_no_log)]
