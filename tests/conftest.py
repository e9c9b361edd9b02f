# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes this checkout importable as ``ansible_collections.tenbyte.webinar``, and marks each test by its folder."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

try:
    from ansible.plugins.loader import init_plugin_loader
except ModuleNotFoundError:
    pytest.exit("Ansible is not installed here. Run `make setup` once, then .venv/bin/pytest.", returncode=4)

from tests import left_behind
from tests.measuring import measure_later
from tests.postgresql import PostgreSQL, postgresql_server

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("unit", "integration", "crash", "e2e")


def linked_collections() -> Path:
    """Return a folder whose ``ansible_collections/tenbyte/webinar`` is this checkout."""
    for folder in (*ROOT.parents[2:3], ROOT / ".venv" / "collections"):
        if (folder / "ansible_collections" / "tenbyte" / "webinar").resolve() == ROOT:
            return folder
    folder = Path(tempfile.mkdtemp(prefix="tenbyte-webinar-collections-"))
    link = folder / "ansible_collections" / "tenbyte" / "webinar"
    link.parent.mkdir(parents=True)
    link.symlink_to(ROOT, target_is_directory=True)
    return folder


# A shell starts a job in the background with these ignored, and so would be all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
measure_later()
left_behind.mark()
COLLECTIONS = linked_collections()
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(COLLECTIONS)
# Ansible's own loader answers these imports from here on: were it installed by the first test that loads a plugin, it
# would not know the modules that earlier tests have imported from sys.path.
init_plugin_loader([str(COLLECTIONS)])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with postgresql_server() as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if folder in KINDS:
            item.add_marker(folder)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Fail if a test has left a process behind. Looks when pytest's own workers have ended."""
    yield
    if not hasattr(session.config, "workerinput") and (found := left_behind.left_behind()):
        session.config.get_terminal_writer().line("\n  ".join(["\nprocesses that tests have left behind:", *found]))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
