# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No secret leaks: not into output at -vvvv, a diff, a callback, a cache, a log, a process list or an artifact.

The tests use the ansible-core of the project's environment and, without ansible-runner, the oldest and the newest one.
With TENBYTE_TEST_CORES=all (``make leaks``), they use every supported version, with ansible-runner.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cores import ALL, Core, NotHere, environment_of
from tests.integration.controller import BIN
from tests.leaks import system_log
from tests.leaks.scene import Scene, scene

OWN = Core("own", "", ())
ALL_CORES = os.environ.get("TENBYTE_TEST_CORES") == "all"
CHOSEN = ALL if ALL_CORES else (OWN, ALL[0], ALL[-1])


@pytest.fixture(scope="module", params=CHOSEN, ids=lambda core: core.series)
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, collections_path: Path
) -> Iterator[Scene]:
    core: Core = request.param
    try:
        commands = BIN if core is OWN else environment_of(core)
    except NotHere as reason:
        pytest.skip(f"not run on ansible-core {core.series}: {reason}")
    with_runner = ALL_CORES or core is OWN
    with scene(tmp_path_factory.mktemp("leaks"), commands, collections_path, with_runner=with_runner) as made:
        yield made


def is_a_key_in_transfer(place: str) -> bool:
    """Return whether a place is a file that Ansible transferred and kept, in a folder that only its user can read."""
    return bool(re.fullmatch(r"remote/ansible-tmp-[^/]+/\.?source[^/]* \d{4}", place))


@pytest.mark.parametrize("kind", ["API key", "token", "ledger key", "ingest URL", "LiveKit token", "vault password"])
def test_a_secret_is_found_nowhere(played: Scene, kind: str) -> None:
    values = played.secrets[kind]
    assert values
    places = played.places_of(values)
    if kind == "ingest URL":
        places = [place for place in places if not is_a_key_in_transfer(place) and not place.startswith("keys/")]
    assert places == []


def test_a_stream_key_is_found_only_in_requested_files(played: Scene) -> None:
    keys = played.secrets["stream key"]
    assert len(keys) > 5
    places = played.places_of(keys)
    written = [place for place in places if place.startswith("keys/")]
    assert len(written) >= 4
    assert all(place.endswith(" 0600") for place in written), written
    assert [place for place in places if place not in written and not is_a_key_in_transfer(place)] == []
    modes = {folder.stat().st_mode & 0o777 for folder in (played.home / "remote").glob("ansible-tmp-*")}
    assert modes == {0o700}


def test_no_file_remains_in_temporary_folders(played: Scene) -> None:
    assert sorted(path for path in (played.home / "tmp").rglob("*") if path.is_file()) == []


def test_the_runs_executed_everything_that_could_leak_a_secret(played: Scene) -> None:
    output = played.runs["everything"].output
    for sign in (
        "no such preset for",
        "censored",
        "no_such_filter",
        "stream_key_fingerprint",
        "FAILED - RETRYING",
        "ansible_failed_result",
        "tenbyte.webinar.ledger",
    ):
        assert sign in output, sign
    assert played.watch.processes_seen > 50
    if played.runner_output:
        assert "PLAY RECAP" in played.runner_output
        assert list((played.home / "runner" / "artifacts").rglob("job_events/*.json"))


EVERY_KIND = {
    "output of planting",
    "logs",
    "record",
    "junit",
    "facts",
    "cmdline",
    "environ",
    "module on disk",
    "file in transfer",
}


def test_the_search_finds_the_planted_value_in_every_kind_of_place(played: Scene) -> None:
    found = played.places_of_planted()
    assert found >= EVERY_KIND


def test_the_search_finds_the_planted_value_in_the_system_log(played: Scene) -> None:
    if played.log is None:
        pytest.skip(f"the system log was not searched: {system_log.missing()}")
    assert "system log" in played.places_of_planted()


def test_every_operation_on_the_ledger_was_executed_and_one_was_refused(played: Scene) -> None:
    # Otherwise their results would not have been searched.
    records = [record for record in played.runs["everything"].records if record["action"] == "tenbyte.webinar.ledger"]
    ended = [
        record["kind"]
        for record in records
        if record["kind"] in ("ok", "failed")
        for _item in record["result"].get("results", [None])
    ]
    assert ended == ["ok"] * 4 + ["failed"] + ["ok"] * 3


def test_a_key_was_sent_to_an_encoder_in_a_run_that_keeps_its_remote_files(played: Scene) -> None:
    # Otherwise neither the way of a key to a host nor what a failure leaves there would have been searched.
    records = [one for one in played.runs["everything"].records if one["action"] == "tenbyte.webinar.encoder_host"]
    records = [one for one in records if one["kind"] in ("ok", "failed")]
    kinds = [one["kind"] for one in records]
    assert kinds[:6] == ["ok", "ok", "ok", "failed", "failed", "ok"]
    # The relay, then OBS; both need root.
    assert kinds[6:] == ["ok"] * 6 + ["failed", "ok"] * 2 or os.geteuid() != 0
    for number, place in ((0, ".ffpreset"), (6, "rtmp_relay/keys/"), (9, "obs_encoder/keys/")):
        if number < 6 or os.geteuid() == 0:
            assert [path for path in records[number]["result"]["written"] if place in path]
            assert records[number + 1]["result"]["changed"] is False
    assert list((played.home / "remote").glob("ansible-tmp-*/AnsiballZ_encoder_host_remote.py"))
    assert list((played.home / "remote").glob("ansible-tmp-*/request-*")) == []
