# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How often the encoders' role starts a module on a host: that is what it costs, and not the number of streams."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.controller import Run
from tests.integration.roles.encoders import HOST, OTHER, Encoders, rooms


def module_starts(run: Run) -> int:
    """The actions of the collection that run on the controller start none."""
    assert run.returncode == 0, run.output
    return run.output.count("Using module file")


def result_of(run: Run) -> dict[str, Any]:
    """What the role's action says about the first host."""
    results: list[dict[str, Any]] = [
        one["result"]
        for one in run.records
        if (one["action"], one["host"], one["kind"]) == ("tenbyte.webinar.encoder_host", "enc1", "ok")
    ]
    assert len(results) == 1, run.output
    return results[0]


@pytest.mark.parametrize("count", [1, 5])
def test_a_host_costs_two_module_starts_whatever_the_number_of_its_streams(encoders: Encoders, count: int) -> None:
    encoders.hosts = (HOST, OTHER)
    event = rooms("Hall A", **{f"Talk {number}": "enc1" for number in range(count)})
    moved = rooms("Hall A", **{f"Talk {number}": "enc1" if number else "enc2" for number in range(count)})
    new = encoders.play("provision", event, "-vvv", "--limit", "localhost,enc1")
    assert len(encoders.on_air()) == count
    unchanged = encoders.play("provision", event, "-vvv", "--limit", "localhost,enc1")
    assert unchanged.recap("enc1")["changed"] == 0
    changed = encoders.play("provision", moved, "-vvv", "--limit", "localhost,enc1")
    absent = encoders.role("-vvv", ffmpeg_encoder_state="absent")
    assert not encoders.root("enc1").exists()
    runs = {"new": new, "unchanged": unchanged, "changed": changed, "absent": absent}
    assert {name: module_starts(run) for name, run in runs.items()} == dict.fromkeys(runs, 2)


def test_check_mode_says_what_a_real_run_does(encoders: Encoders) -> None:
    event = rooms("Hall A", Talk="enc1", Break="enc1")
    assert encoders.play("provision", event, "--limit", "localhost").returncode == 0
    planned, done = (encoders.play("provision", event, "--diff", *more) for more in (["--check"], []))
    names = ("changed", "written", "deleted", "started", "restarted", "stopped", "removed")
    first, second = ({name: result_of(run)[name] for name in names} for run in (planned, done))
    assert first == second
    assert len(second["started"]) == 2
    keys = encoders.simulator.issued_keys()
    assert len(keys) == 2
    assert [key for key in keys if key in planned.output + done.output] == []
    assert "+stream key fp-" in done.output
    again = encoders.play("provision", event, "--check", "--diff")
    assert result_of(again)["changed"] is False
