# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fact cache contains no credential unless facts are gathered. No documented play gathers them."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
import yaml
from cryptography.fernet import Fernet

from tests.documented import ROOT, named_block
from tests.integration.conftest import PRESET, seed
from tests.integration.controller import Controller
from tests.lab.leaks import places_in_files
from tests.simulator.server import Simulator


@pytest.mark.parametrize("gathers", [False, True])
def test_only_gathered_facts_write_the_environment_to_a_cache(
    tmp_path: Path, collections_path: Path, gathers: bool
) -> None:
    (play,) = yaml.safe_load(named_block(ROOT / "README.md", "first.yml"))
    play["tasks"][0]["tenbyte.webinar.event"]["rooms"][0]["sessions"][0]["preset_id"] = PRESET
    if gathers:
        del play["gather_facts"]
    with Simulator(seed()) as simulator:
        given = {"TENBYTE_LEDGER_KEY": Fernet.generate_key().decode(), "PGPASSWORD": secrets.token_hex(16)}
        controller = Controller(
            tmp_path / "controller",
            simulator.api_url,
            simulator.service.users[0].api_key,
            collections_path,
            environment={
                **given,
                "ANSIBLE_CACHE_PLUGIN": "jsonfile",
                "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "facts"),
            },
        )
        run = controller.plays([play])
        assert run.returncode == 0, run.output
        assert list((tmp_path / "facts").iterdir()), "no fact was cached"
        for secret in (controller.api_key, *given.values()):
            places = places_in_files([secret], tmp_path / "facts")
            assert bool(places) == gathers
            # Other users can read the files of the cache, so docs/reliability.md warns of it.
            assert all(place.endswith(" 0644") for place in places)
        assert not places_in_files(simulator.issued_keys(), tmp_path)
