# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encoder hosts that several files of tests use."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.controller import Controller
from tests.integration.roles.encoders import Encoders
from tests.simulator.server import Simulator


@pytest.fixture
def encoders(simulator: Simulator, controller: Controller) -> Iterator[Encoders]:
    with tempfile.TemporaryDirectory(prefix="enc-") as folder:
        running = Encoders(simulator, controller, Path(folder))
        try:
            yield running
        finally:
            running.shut_down()
