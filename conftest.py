# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes `ansible-test units` run the tests as `scripts/test unit` does: its pytest reads no pyproject.toml."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
# ansible-test's own plugin. It runs each test in a process that ends without the teardown of fixtures: it would start a
# PostgreSQL server for each test, and leave it behind.
FORKS = "ansible_forked"
# The same tests as `make check`, on each ansible-core and Python. `make test` runs all, with all examples, on one.
EXAMPLES = ("TENBYTE_TEST_EXAMPLES", "few")
QUICK = "not slow"


def pytest_configure(config: pytest.Config) -> None:
    forks = config.pluginmanager.get_plugin(FORKS)
    if forks is None:
        return
    config.pluginmanager.unregister(forks)
    os.environ.setdefault(*EXAMPLES)
    config.option.markexpr = QUICK
    # The tests import each other as `tests.…`.
    sys.path[:0] = [str(ROOT), str(ROOT / "roles" / "ffmpeg_encoder" / "files")]
    # Python 3.10 reads no TOML. Each mark is a line of its own.
    (marks,) = re.findall(r"(?ms)^markers = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text())
    for mark in re.findall(r'(?m)^ +"(.*)",$', marks):
        config.addinivalue_line("markers", mark)
