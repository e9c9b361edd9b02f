# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of earlier versions use a ledger of this version: they create no second ledger and lose no key."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import LedgerError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import opening
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.migration import (
    FIRST_WITH_OWN_NAMES,
    newest_version,
)
from cryptography.fernet import Fernet

from tests.fixtures.landed_ledger import LANDED

from ..ledger_cases import both_databases, opened
from ..other_process import import_path
from .earlier_ledgers import LAST_FORMS, kept_keys, laid_down, names_of_tables, run_sql, version_and_columns

pytestmark = pytest.mark.slow

Engine: TypeAlias = "tuple[str, Path]"
ROOT = Path(__file__).resolve().parents[3]
# A commit of each schema version.
ENGINES = {name: LANDED[name].engine for name in LAST_FORMS}
EARLIER_RUN = """
import sys
try:
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils.errors import LedgerError
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils.ledger import Slot, open_ledger
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils.ledger_location import LedgerSettings
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils.model import StreamKey
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils.secrecy import Redactor
except ImportError:
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import LedgerError
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
    from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Slot, open_ledger

url, key, work = sys.argv[1:]
slot = Slot("https://api.invalid", "session", "r1", "Keynote")
try:
    ledger = open_ledger(LedgerSettings(url, key=key), Redactor(), "another-boot/[1]:7:7:x", writable=work != "read")
    print("opened" if ledger else "there is none", flush=True)
    if work == "create":
        claim = ledger.claim(slot, [], 60.0)
        print("claimed", flush=True)
        sys.stdin.readline()
        print(ledger.keep(claim, "created", "s1", StreamKey("unit-stream-of-an-earlier-run")), flush=True)
    if work == "wait":
        sys.stdin.readline()
        print(type(ledger.claim(slot, [], 60.0)).__name__, flush=True)
except LedgerError as error:
    print(error, flush=True)
"""


@pytest.fixture(scope="module", params=LAST_FORMS)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The engine of an earlier version, extracted into a folder as a collection."""
    form: str = request.param
    folder = tmp_path_factory.mktemp("earlier")
    collection = folder / "ansible_collections" / "tenbyte" / "webinar"
    command = ["git", "archive", ENGINES[form] or "", "plugins/plugin_utils"]
    archived = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=60)
    if archived.returncode != 0:
        pytest.skip("the history of this copy does not go back to that version")
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as archive:
        archive.extractall(collection, filter="data")
    return form, folder


def start_earlier(engine: Engine, settings: LedgerSettings, work: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": import_path(engine[1])}

    command = [sys.executable, "-c", EARLIER_RUN, settings.url, settings.key or "", work]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def output_of(engine: Engine, settings: LedgerSettings, work: str) -> str:
    with start_earlier(engine, settings, work) as run:
        return run.communicate(timeout=60)[0].strip()


def read_line(run: subprocess.Popen[str]) -> str:
    assert run.stdout is not None
    return run.stdout.readline().strip()


def refusal(engine: Engine) -> str:
    """Return how an engine refuses a ledger of this version: the first ones read the version that is left for them."""
    known = LANDED[engine[0]].version
    seen = newest_version() if known >= FIRST_WITH_OWN_NAMES else FIRST_WITH_OWN_NAMES
    return f"The ledger has schema version {seen}; this version of the collection knows {known}. Use"


@pytest.fixture
def new_settings(ledger_settings: LedgerSettings) -> LedgerSettings:
    return replace(ledger_settings, key=ledger_settings.key or Fernet.generate_key().decode())


@both_databases
def test_an_earlier_version_refuses_a_new_ledger(engine: Engine, new_settings: LedgerSettings) -> None:
    opened(new_settings).close()
    own = {"tenbyte_webinar_meta", "tenbyte_webinar_slots"}
    is_file = new_settings.url.startswith("sqlite")
    if is_file or LANDED[engine[0]].version >= FIRST_WITH_OWN_NAMES:
        for work in ("read", "write"):
            assert output_of(engine, new_settings, work).startswith(refusal(engine))
        assert names_of_tables(new_settings) == (own | {"meta"} if is_file else own)
    else:
        assert output_of(engine, new_settings, "read") == "there is none"
        assert "one_row_per_slot" in output_of(engine, new_settings, "write")
        assert names_of_tables(new_settings) == own


@both_databases
def test_an_earlier_version_refuses_an_upgraded_ledger(
    engine: Engine, ledger_settings: LedgerSettings, tmp_path: Path
) -> None:
    landed = laid_down(ledger_settings, tmp_path, engine[0])
    assert output_of(engine, landed, "read") == "opened"
    opened(landed).close()
    for work in ("read", "write"):
        assert output_of(engine, landed, work).startswith(refusal(engine))


@both_databases
@pytest.mark.parametrize("engine", ["1", "2", "3"], indirect=True)
def test_an_earlier_version_creates_no_second_ledger_in_a_shared_database(
    engine: Engine, new_settings: LedgerSettings
) -> None:
    opened(new_settings).close()
    own = (
        "TABLE tenbyte_webinar_slots",
        "TABLE tenbyte_webinar_meta",
        "TABLE IF EXISTS meta",
        "VIEW IF EXISTS one_row_per_slot",
    )
    run_sql(new_settings, *(f"DROP {name}" for name in own), "CREATE TABLE talks (id INTEGER)")
    opened(new_settings).close()
    assert output_of(engine, new_settings, "read") == "there is none"
    assert "one_row_per_slot" in output_of(engine, new_settings, "write")
    assert names_of_tables(new_settings) == {"talks", "tenbyte_webinar_meta", "tenbyte_webinar_slots"}


@both_databases
@pytest.mark.parametrize("engine", ["3"], indirect=True)
def test_the_upgrade_waits_until_an_earlier_run_has_stored_what_it_creates(
    engine: Engine, ledger_settings: LedgerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = laid_down(ledger_settings, tmp_path, "3")
    with start_earlier(engine, landed, "create") as earlier:
        assert [read_line(earlier), read_line(earlier)] == ["opened", "claimed"]
        with monkeypatch.context() as patch:
            patch.setattr(opening, "LONGEST_WAIT", 0.0)
            with pytest.raises(LedgerError, match="a run of that version is creating the session 'Keynote'"):
                opened(landed)
        assert version_and_columns(landed)[0] == 3
        # Reading needs no upgrade and does not wait.
        assert kept_keys(landed)
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(opened, landed)
            time.sleep(1.0)
            assert not waiting.done()
            assert earlier.communicate("\n", timeout=60)[0].strip() == "True"
            with closing(waiting.result()) as ledger:
                row = ledger.row_of_session("s1")
    assert version_and_columns(landed)[0] == newest_version()
    assert row is not None
    assert row.key is not None
    assert row.key.stream_key == "unit-stream-of-an-earlier-run"


@both_databases
@pytest.mark.parametrize("engine", ["3"], indirect=True)
def test_an_earlier_run_sends_no_request_after_the_upgrade_of_its_ledger(
    engine: Engine, ledger_settings: LedgerSettings, tmp_path: Path
) -> None:
    landed = laid_down(ledger_settings, tmp_path, "3")
    with start_earlier(engine, landed, "wait") as earlier:
        assert read_line(earlier) == "opened"
        opened(landed).close()
        output = earlier.communicate("\n", timeout=120)[0].strip()
    assert output.startswith("The ledger cannot be written: ")
    assert "slots" in output


@both_databases
@pytest.mark.parametrize("engine", ["4"], indirect=True)
def test_an_earlier_run_goes_on_after_an_upgrade_that_leaves_its_tables(
    engine: Engine, ledger_settings: LedgerSettings, tmp_path: Path
) -> None:
    landed = laid_down(ledger_settings, tmp_path, "4")
    with start_earlier(engine, landed, "create") as earlier:
        assert [read_line(earlier), read_line(earlier)] == ["opened", "claimed"]
        with closing(opened(landed)) as ledger:
            assert version_and_columns(landed)[0] == newest_version()
            assert earlier.communicate("\n", timeout=60)[0].strip() == "True"
            row = ledger.row_of_session("s1")
    assert row is not None
    assert row.key is not None
    assert row.key.stream_key == "unit-stream-of-an-earlier-run"
