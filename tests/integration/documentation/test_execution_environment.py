# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The definitions on the page about AWX can be used as they are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.options import FROM_ENVIRONMENT

from tests.documented import code_blocks, named_block
from tests.integration.controller import BIN, ROOT

PAGE = ROOT / "docs" / "awx.md"


def test_ansible_builder_makes_a_build_context_of_the_execution_environment(tmp_path: Path) -> None:
    (tmp_path / "execution-environment.yml").write_text(named_block(PAGE, "execution-environment.yml"))
    galaxy = [str(BIN / "ansible-galaxy"), "collection", "build", str(ROOT), "--output-path", str(tmp_path)]
    subprocess.run(galaxy, check=True, capture_output=True)
    (artifact,) = tmp_path.glob("tenbyte-webinar-*.tar.gz")
    artifact.rename(tmp_path / "tenbyte-webinar.tar.gz")
    command = [str(BIN / "ansible-builder"), "create", "--file", "execution-environment.yml"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    context = tmp_path / "context"
    # The requirements name the artifact by a path below the folder that is copied into the image.
    wanted = yaml.safe_load((context / "_build" / "requirements.yml").read_text())
    (collection,) = wanted["collections"]
    assert (context / "_build" / collection["name"]).is_file()
    # Its name depends on the container engine.
    (containerfile,) = context.glob("*file")
    assert "ansible-galaxy collection install" in containerfile.read_text()


def test_the_credential_type_injects_what_the_collection_reads() -> None:
    inputs, injectors = (yaml.safe_load(block) for block in code_blocks(PAGE, "yaml")[1:3])
    fields = {field["id"]: field for field in inputs["fields"]}
    assert set(inputs["required"]) == set(fields)
    used = {**injectors["extra_vars"], **injectors["env"]}
    assert {re.fullmatch(r"\{\{ (\w+) \}\}", value)[1] for value in used.values()} == set(fields)  # type: ignore[index]
    assert {name.removeprefix("tenbyte_") for name in injectors["extra_vars"]} <= set(FROM_ENVIRONMENT)
    assert all(fields[name].get("secret") for name in fields if name != "ledger_url")


@pytest.mark.parametrize("page", ["awx.md", "pipelines.md"])
def test_the_pages_about_containers_say_what_happens_to_the_default_ledger(page: str) -> None:
    head = (ROOT / "docs" / page).read_text()[:1200]
    assert "**In a container the default ledger dies with the job.**" in head
