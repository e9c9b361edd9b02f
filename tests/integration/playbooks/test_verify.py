# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""verify.yml and rehearse.yml end well only if every stream that has an encoder plays, and is one at least."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.controller import Controller, Run
from tests.integration.playbooks.encoders import encoders_folder, hls, inventory, on_air, plays
from tests.integration.playbooks.event import ROOMS, assert_no_secret, play, provision
from tests.simulator.server import Simulator


@pytest.fixture
def folder() -> Iterator[Path]:
    with ExitStack() as stack:
        made = stack.enter_context(encoders_folder())
        try:
            yield made
        finally:
            stack.close()


def said(run: Run) -> str:
    return " ".join(run.output.split())


def rooms_with(encoder: Any) -> list[dict[str, Any]]:
    """The event with another encoder for its keynote; None takes it away."""
    rooms = copy.deepcopy(ROOMS)
    rooms[0]["sessions"][0]["encoder"] = encoder
    return rooms


def last_words(run: Run) -> str:
    """Return what the last task before the recap says."""
    return run.output.partition("PLAY RECAP")[0].rpartition("TASK [")[2]


def test_verify_says_how_many_streams_were_verified(simulator: Simulator, controller: Controller, folder: Path) -> None:
    provision(controller)
    hosts = inventory(controller, folder, "encoder1", "encoder2")
    with hls() as url:
        on_air(folder, simulator, "encoder1", "Keynote", f"{url}/1/index.m3u8")
        on_air(folder, simulator, "encoder2", "Panel", f"{url}/2/index.m3u8")
        run = play(controller, "verify", "-i", hosts, "-vvv", rooms=ROOMS)
        assert run.returncode == 0, run.output
        assert "2 of 2 streams verified" in last_words(run)
        assert "No encoder is given for Workshop/Hands on" in said(run)
        assert_no_secret(run.output, simulator)
        run = play(controller, "verify", "-i", hosts, "--limit", "localhost,encoder2", rooms=ROOMS)
        assert run.returncode == 0, run.output
        assert "1 of 1 streams verified" in last_words(run)
        assert "--limit leaves out their encoders: Main stage/Keynote" in said(run)


def test_a_stream_that_shows_its_slate_is_verified_only_if_that_is_well(
    simulator: Simulator, controller: Controller, folder: Path
) -> None:
    provision(controller, ROOMS[:1])
    hosts = inventory(controller, folder, "encoder1", "encoder2")
    with hls() as url:
        slate = {"showing": "slate", "source_problem": "Connection refused"}
        on_air(folder, simulator, "encoder1", "Keynote", f"{url}/1/index.m3u8", **slate)
        on_air(folder, simulator, "encoder2", "Panel", f"{url}/2/index.m3u8")
        run = play(controller, "verify", "-i", hosts, rooms=ROOMS[:1])
        assert run.returncode != 0
        assert "1 of 2 streams verified" in last_words(run)
        assert "its encoder sends its slate and not its source. Of the source, ffmpeg said last: Connection" in said(
            run
        )
        run = play(controller, "verify", "-i", hosts, "-e", "ffmpeg_encoder_health_slate=yes", rooms=ROOMS[:1])
        assert run.returncode == 0, run.output
        assert "It shows its slate, not its source" in said(run)


def test_a_playbook_of_a_users_own_can_verify_twice(simulator: Simulator, controller: Controller, folder: Path) -> None:
    provision(controller, ROOMS[:1])
    hosts = inventory(controller, folder, "encoder1", "encoder2")
    mine = controller.home / "mine.yml"
    mine.write_text("- import_playbook: tenbyte.webinar.verify\n" * 2)
    (controller.home / "event.yml").write_text(yaml.safe_dump({"event_rooms": ROOMS[:1]}))
    with hls() as url:
        on_air(folder, simulator, "encoder1", "Keynote", f"{url}/1/index.m3u8")
        on_air(folder, simulator, "encoder2", "Panel", f"{url}/2/index.m3u8")
        run = controller.playbook("mine.yml", "-i", hosts, "-e", "@event.yml")
    assert run.returncode == 0, run.output
    assert run.output.count("2 of 2 streams verified") == 2


def test_verify_fails_for_each_stream_that_is_not_as_it_should_be(
    simulator: Simulator, controller: Controller, folder: Path
) -> None:
    provision(controller)
    hosts = inventory(controller, folder, "encoder1", "encoder2")
    rooms = copy.deepcopy(ROOMS)
    rooms[0]["sessions"].append({**rooms[0]["sessions"][1], "title": "Not yet", "encoder": "encoder1"})
    with hls() as url:
        on_air(folder, simulator, "encoder1", "Keynote", f"{url}/1/index.m3u8")
        on_air(folder, simulator, "encoder2", "Panel", "")
        run = play(controller, "verify", "-i", hosts, rooms=rooms)
    assert run.returncode != 0
    assert "1 of 3 streams verified" in last_words(run)
    assert "Main stage/Not yet: the session does not exist yet" in said(run)
    assert "Main stage/Panel: the service names no hls_url" in said(run)


def test_verify_goes_on_to_the_others_where_an_encoder_does_not_send_or_cannot_be_reached(
    simulator: Simulator, controller: Controller, folder: Path
) -> None:
    provision(controller)
    with hls() as url:
        on_air(folder, simulator, "encoder1", "Keynote", f"{url}/1/index.m3u8")
        on_air(folder, simulator, "encoder2", "Panel", f"{url}/2/index.m3u8")
        for file in (folder / "encoder1").rglob("status.json"):
            file.unlink()
        hosts = inventory(controller, folder, "encoder1", "encoder2")
        run = play(controller, "verify", "-i", hosts, rooms=ROOMS)
        assert run.returncode != 0
        assert "1 of 2 streams verified" in last_words(run)
        assert "Main stage/Keynote: the encoder on encoder1 does not send" in said(run)
        unreachable = inventory(
            controller, folder, "encoder1", "encoder2", ansible_python_interpreter="/nowhere/python3"
        )
        run = play(controller, "verify", "-i", unreachable, rooms=ROOMS)
        assert run.returncode != 0
        assert "0 of 2 streams verified" in last_words(run)
        assert "Main stage/Panel: encoder2 cannot be reached" in said(run)


# Stands for ffmpeg's detectors: what the second stream shows is black.
DETECTORS = """#!/bin/sh
exec >&2
input=$(cat)
printf '  Stream #0:0: Video: h264\\n  Stream #0:1: Audio: aac\\nStream mapping:\\n'
case "$input" in */2/segment*) echo "[blackdetect @ 0x1] black_start:0 black_end:1 black_duration:1" ;; esac
"""


def test_verify_looks_at_what_viewers_get_if_asked_to(
    simulator: Simulator, controller: Controller, folder: Path
) -> None:
    provision(controller)
    hosts = inventory(controller, folder, "encoder1", "encoder2")
    program = folder / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(DETECTORS)
    program.chmod(0o755)
    environment = {"PATH": f"{program.parent}{os.pathsep}{controller.bin}{os.pathsep}{os.environ['PATH']}"}
    with hls() as url:
        on_air(folder, simulator, "encoder1", "Keynote", f"{url}/1/index.m3u8")
        on_air(folder, simulator, "encoder2", "Panel", f"{url}/2/index.m3u8")
        arguments = ("-i", hosts, "-e", "event_verify_look=yes")
        run = play(controller, "verify", *arguments, rooms=ROOMS, environment=environment)
        assert run.returncode != 0
        assert "1 of 2 streams verified" in last_words(run)
        assert "Main stage/Panel is live and its playlist goes on, but its picture is black for at least 1 s." in said(
            run
        )
        run = play(controller, "verify", "-i", hosts, rooms=ROOMS, environment=environment)
        assert "2 of 2 streams verified" in last_words(run)


@pytest.mark.parametrize("playbook", ["verify", "rehearse"])
@pytest.mark.parametrize(
    ("arguments", "encoder", "reason"),
    [
        (["-i", "inventory.yml"], "encodr1", "Main stage/Keynote: its encoder encodr1 is no host of the inventory"),
        (
            ["-i", "inventory.yml"],
            "other1",
            "is a host of the inventory, but of none of its groups encoders, relays and studios",
        ),
        ([], "encoder1", "no inventory was given: add -i INVENTORY"),
        (["-i", "inventory.yml", "--limit", "encoder1"], "encoder1", "--limit localhost,encoder1"),
        (["-i", "inventory.yml", "--limit", "localhost,other1"], "encoder1", "--limit localhost,encoder1,encoder2"),
    ],
)
def test_streams_that_no_host_would_send_end_it_before_anything_is_done(
    simulator: Simulator,
    controller: Controller,
    folder: Path,
    playbook: str,
    arguments: list[str],
    encoder: str,
    reason: str,
) -> None:
    inventory(controller, folder, "encoder1", "encoder2", others=("other1",))
    run = play(controller, playbook, *arguments, rooms=rooms_with(encoder))
    assert run.returncode != 0
    assert reason in said(run)
    assert "Traceback" not in run.output
    assert len(simulator.journal) == 0


def test_an_event_without_encoders_is_not_verified(simulator: Simulator, controller: Controller, folder: Path) -> None:
    provision(controller, ROOMS[1:])
    run = play(controller, "verify", "-i", inventory(controller, folder, "encoder1"), rooms=ROOMS[1:])
    assert run.returncode != 0
    assert "0 of 0 streams verified. No session of the event names an encoder" in said(run)


@pytest.mark.parametrize(
    "rooms", [None, "Main stage", [{"title": "Main stage", "sessions": None}, 7], [{"sessions": [1]}]]
)
def test_a_malformed_event_is_left_to_the_action_to_describe(
    simulator: Simulator, controller: Controller, rooms: Any
) -> None:
    controller.home.mkdir(parents=True)
    run = play(controller, "verify", rooms=[] if rooms is None else rooms)
    assert run.returncode != 0
    assert "Traceback" not in run.output
    assert "check_encoders" not in run.output.replace("tasks/check_encoders.yml", "")


@pytest.mark.parametrize("encoder", [None, ""])
def test_an_empty_encoder_is_none(simulator: Simulator, controller: Controller, folder: Path, encoder: Any) -> None:
    run = play(
        controller, "verify", "-i", inventory(controller, folder, "encoder1", "encoder2"), rooms=rooms_with(encoder)
    )
    assert "No encoder is given for Main stage/Keynote, Workshop/Hands on" in said(run)


# The roles' own tests put real streams on real encoders: here it is enough that there is nothing to put anywhere.
NOTHING_TO_SEND: dict[str, Any] = {"ffmpeg_encoder_state": "stopped"}


def test_rehearse_says_how_many_streams_play(simulator: Simulator, controller: Controller, folder: Path) -> None:
    provision(controller)
    hosts = inventory(controller, folder, "encoder1", "encoder2", **NOTHING_TO_SEND)
    arguments = ("-i", hosts, "-e", "rehearse_retries=1")
    with hls() as url:
        keynote = plays(simulator, "Keynote", f"{url}/1/index.m3u8")
        plays(simulator, "Panel", f"{url}/2/index.m3u8")
        run = play(controller, "rehearse", *arguments, rooms=ROOMS)
        assert run.returncode == 0, run.output
        assert "2 of 2 streams play" in last_words(run)
        for broken, reason in (("", "names no hls_url"), (f"{url}/silent/index.m3u8", "its HLS URL does not play")):
            keynote.hls_url = broken
            run = play(controller, "rehearse", *arguments, rooms=ROOMS)
            assert run.returncode != 0
            assert "1 of 2 streams play" in last_words(run)
            assert f"Main stage/Keynote: {reason}" in said(run) or f"Main stage/Keynote: the service {reason}" in said(
                run
            )


def test_rehearse_can_be_previewed(simulator: Simulator, controller: Controller, folder: Path) -> None:
    hosts = inventory(controller, folder, "encoder1", "encoder2", **NOTHING_TO_SEND)
    run = play(controller, "rehearse", "-i", hosts, "--check", rooms=ROOMS)
    assert run.returncode == 0, run.output
    assert simulator.journal.writes() == []
