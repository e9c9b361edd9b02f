# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "plugins" / "plugin_utils"
PAGE = ROOT / "docs" / "architecture.md"
LIBRARIES = {
    "ansible": {"action_base", "vault_text"},
    "requests": {"transport", "answers", "deadlines"},
    "urllib3": {"transport", "deadlines"},
    "sqlalchemy": {
        "ledger",
        "ledger_commits",
        "ledger_database",
        "ledger_location",
        "ledger_opening",
        "ledger_rotation",
        "ledger_rows",
        "ledger_schema",
        "ledger_transfer",
        "upkeep",
    },
    "cryptography": {"ledger_rotation", "secrecy"},
    "yaml": {"diffs"},
}


def stated_order() -> list[str]:
    block = re.search(r"^```imports\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None, "docs/architecture.md has no block ```imports"
    return [line.split()[0] for line in block[1].splitlines() if line.strip()]


ORDER = stated_order()


def imports_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield ("engine", name) for each import of the engine's own, at any depth, and ("library", name) for others."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (("library", alias.name.partition(".")[0]) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level == 1 or module.startswith("ansible_collections.tenbyte.webinar.plugins.plugin_utils"):
                names = [module.rpartition(".")[2]] if node.level == 0 or module else [a.name for a in node.names]
                yield from (("engine", name) for name in names)
            else:
                yield "library", module.partition(".")[0]


def test_the_page_lists_every_file_of_the_engine_once() -> None:
    assert sorted(ORDER) == sorted(path.stem for path in ENGINE.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", ORDER)
def test_a_file_imports_only_files_above_it(name: str) -> None:
    allowed = ORDER[: ORDER.index(name)]
    imported = {target for kind, target in imports_of(ENGINE / f"{name}.py") if kind == "engine"}
    assert imported <= set(allowed)


@pytest.mark.parametrize("name", ORDER)
def test_a_library_is_imported_only_where_the_design_has_it(name: str) -> None:
    imported = {target for kind, target in imports_of(ENGINE / f"{name}.py") if kind == "library"}
    foreign = imported - set(sys.stdlib_module_names)
    assert foreign <= set(LIBRARIES)
    assert all(name in LIBRARIES[library] for library in foreign)


@pytest.mark.parametrize("folder", ["action", "lookup"])
def test_a_plugin_reaches_the_service_and_the_ledger_only_through_the_engine(folder: str) -> None:
    for path in (ROOT / "plugins" / folder).glob("*.py"):
        libraries = {target for kind, target in imports_of(path) if kind == "library"}
        assert libraries - set(sys.stdlib_module_names) <= {"ansible"}


@pytest.mark.parametrize("path", sorted((ROOT / "plugins" / "action").glob("*.py")), ids=lambda path: path.stem)
def test_an_action_is_thin(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 40


def test_no_relative_import_leaves_the_engine() -> None:
    for path in ENGINE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level > 1), path.name


def test_init_files_of_the_tests_are_empty() -> None:
    assert all(path.stat().st_size == 0 for path in Path(__file__).parent.rglob("__init__.py"))
