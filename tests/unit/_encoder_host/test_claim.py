# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two hosts of an inventory that are one machine, with one folder: the first one has it, and the other changes nothing.

The lock on a folder counts between processes and between two openings in one, so threads may stand for hosts.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host import claim
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.claim import (
    ClaimedByAnother,
    claimed,
    host_of,
)
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.files import Files
from ansible_collections.tenbyte.webinar.plugins.module_utils._encoder_host.ownership import foreign_file

from tests.unit._encoder_host.hosts import Host

FILE = "inventory_host.json"


@pytest.fixture
def machine(tmp_path: Path) -> Host:
    return Host(tmp_path / "machine")


def of(name: str, machine: Host, request: dict[str, Any], found: str = "") -> dict[str, Any]:
    """Return a request of a host with this name, which has found the folder to be another one's."""
    noted = {"host": name, "role": "tenbyte.webinar.ffmpeg_encoder"}
    path, content = str(machine.root / FILE), json.dumps(noted) + "\n"
    own = {"path": path, "host": name, "content": content, "found": found, "root_mode": "0700"}
    return {**request, "claim": own}


def absence(machine: Host, *names: str) -> dict[str, Any]:
    shared = ("keys", "streams", "about", "stamps", FILE)
    absent = {"units": [], "commands": [], "paths": [str(machine.root / one) for one in shared]}
    return machine.request(leaving=machine.leaving(*names), absent=absent)


def test_the_first_host_has_the_folder_and_the_other_changes_nothing(machine: Host) -> None:
    first = machine.converge(of("enc1", machine, machine.present("talk")))
    assert (first["claimed_by"], first["changed"], first["problem"]) == ("", True, "")
    assert host_of(str(machine.root / FILE)) == "enc1"
    files, active = machine.tree(), set(machine.systemd.active)
    other = [
        machine.present("break"),
        machine.present(),
        machine.request(stopping=["talk"]),
        machine.request(leaving=machine.leaving("talk")),
        absence(machine, "talk"),
    ]
    for request in other:
        for check in (True, False):
            refused = machine.converge(of("enc2", machine, request), check=check)
            assert (refused["claimed_by"], refused["changed"]) == ("enc1", False)
            assert (machine.tree(), machine.systemd.active) == (files, active)
            assert machine.systemd.commands == []


def test_an_unchanged_folder_stays_unchanged_and_absent_leaves_nothing(machine: Host) -> None:
    request = of("enc1", machine, machine.present("talk"))
    assert machine.converge(request)["changed"] is True
    assert machine.converge(request)["changed"] is False
    assert machine.converge(request, check=True)["changed"] is False
    gone = machine.converge(of("enc1", machine, absence(machine, "talk")))
    assert (gone["problem"], machine.root.exists()) == ("", False)
    again = machine.converge(of("enc1", machine, absence(machine)))
    assert (again["changed"], machine.root.exists()) == (False, False)


def test_a_folder_of_the_version_before_gets_the_file_with_the_first_run(machine: Host) -> None:
    machine.converge(machine.present("talk"))
    assert not (machine.root / FILE).exists()
    stopped = machine.converge(of("enc1", machine, machine.request(stopping=["talk"])))
    assert stopped["written"] == []
    first = machine.converge(of("enc1", machine, machine.present("talk")))
    assert first["written"] == [str(machine.root / FILE)]
    assert machine.converge(of("enc1", machine, machine.present("talk")))["changed"] is False


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_folder_whose_host_the_controller_has_judged_is_taken_over(machine: Host, state: str) -> None:
    machine.converge(of("enc0", machine, machine.present("talk")))
    request = machine.present("talk") if state == "present" else absence(machine, "talk")
    # Judged with another host in mind.
    assert machine.converge(of("enc1", machine, request, "enc9"))["claimed_by"] == "enc0"
    assert machine.converge(of("enc1", machine, request, "enc0"))["claimed_by"] == ""
    assert host_of(str(machine.root / FILE)) == ("enc1" if state == "present" else "")


def test_check_mode_writes_nothing_and_tells_the_same(machine: Host) -> None:
    request = of("enc1", machine, machine.present("talk"))
    told = machine.converge(request, check=True)
    assert not machine.root.exists()
    done = machine.converge(request)
    assert told["written"][:2] == done["written"][:2] == [str(machine.root), str(machine.root / FILE)]
    assert sorted(told["written"]) == sorted(done["written"])


def test_of_many_hosts_that_begin_together_one_has_the_folder(machine: Host) -> None:
    names = [f"enc{number}" for number in range(8)]
    for found in ("", "enc-renamed"):
        machine.root.mkdir(parents=True, exist_ok=True)
        if found:
            (machine.root / FILE).write_text(json.dumps({"host": found}))
        else:
            machine.root.rmdir()
        barrier = threading.Barrier(len(names))

        def begin(name: str, barrier: threading.Barrier = barrier, found: str = found) -> str:
            barrier.wait(10)
            try:
                with claimed(of(name, machine, machine.present("talk"), found), Files(check=False, diff=False)):
                    return ""
            except ClaimedByAnother as error:
                return error.host

        with ThreadPoolExecutor(len(names)) as pool:
            owners = list(pool.map(begin, names))
        (owner,) = set(owners) - {""}
        assert owners.count("") == 1
        assert owners[names.index(owner)] == ""
        assert host_of(str(machine.root / FILE)) == owner
        assert [path.name for path in machine.root.iterdir()] == [FILE]


def test_who_begins_while_another_removes_the_folder_waits_and_makes_it_anew(machine: Host) -> None:
    machine.converge(of("enc1", machine, machine.present("talk")))
    order: list[str] = []

    def begin() -> None:
        with claimed(of("enc2", machine, machine.present()), Files(check=False, diff=False)):
            order.append("begun")

    with claimed(of("enc1", machine, absence(machine, "talk")), Files(check=False, diff=False)):
        thread = threading.Thread(target=begin)
        thread.start()
        time.sleep(0.3)
        for path in sorted(machine.root.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        machine.root.rmdir()
        order.append("removed")
    thread.join(10)
    assert order == ["removed", "begun"]
    assert host_of(str(machine.root / FILE)) == "enc2"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def test_a_folder_that_somebody_keeps_is_not_waited_for_for_ever(
    machine: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.converge(machine.present("talk"))
    files = machine.tree()
    monkeypatch.setattr(claim, "_LONGEST_WAIT", 0.2)
    with locked(machine.root):
        done = machine.converge(of("enc1", machine, machine.present("break")))
    assert f"Another run is at work in {machine.root} on this host" in done["problem"]
    assert (done["changed"], machine.tree()) == (False, files)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": 7}', '{"host": ""}', "\xff", '{"other": "enc2"}'])
def test_a_file_that_names_no_host_claims_nothing(machine: Host, text: str) -> None:
    machine.root.mkdir(parents=True)
    file = machine.root / FILE
    file.write_bytes(text.encode("latin-1"))
    assert host_of(str(file)) == ""
    assert machine.converge(of("enc1", machine, machine.present()))["claimed_by"] == ""
    assert host_of(str(file)) == "enc1"


def test_a_pipe_in_the_place_of_the_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE)
    assert host_of(str(tmp_path / FILE)) == ""


def test_a_run_that_was_killed_behind_its_claim_has_a_folder_that_is_the_roles(machine: Host) -> None:
    with claimed(of("enc1", machine, machine.present()), Files(check=False, diff=False)):
        machine.root.chmod(0o755)
    assert foreign_file(machine.root, [], [FILE], 0o700) == ""
    (machine.root / FILE).write_text('{"host": "a user\'s own"}')
    assert foreign_file(machine.root, [], [FILE], 0o700) == str(machine.root / FILE)
