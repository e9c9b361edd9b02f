# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Holds the folders and files of the engine to the list in docs/architecture.md."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "plugins" / "plugin_utils"
PACKAGE = "ansible_collections.tenbyte.webinar.plugins.plugin_utils"
PAGE = ROOT / "docs" / "architecture.md"
PRIVATE = "# Private to this collection: it may change with every version.\n"
# Where the design has a library.
LIBRARIES = {
    "ansible": {f"_ansible/{path.stem}" for path in (ENGINE / "_ansible").glob("*.py")},
    "requests": {"_service/connections", "_service/failures"},
    "urllib3": {f"_service/{name}" for name in ("connections", "failures", "responses", "exchange")},
    "sqlalchemy": {
        f"_ledger/{name}"
        for name in (
            *("location", "database", "schema", "migration", "rows", "rotation", "commits", "opening"),
            *("changes", "account_names", "reading", "claims", "store", "maintenance"),
        )
    },
    "cryptography": {"_ledger/rotation", "_core/secrecy"},
    "jinja2": {"_ansible/plain_values"},
    "yaml": {"_ansible/diffs", "_ansible/encoder_host", "_playbooks/event_file"},
}


def stated() -> tuple[dict[str, list[str]], dict[str, set[str]]]:
    """Return the files of each folder, in their order, and the folders that it may import from."""
    block = re.search(r"^```imports\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None, "docs/architecture.md has no block ```imports"
    files: dict[str, list[str]] = {}
    below: dict[str, set[str]] = {}
    folder = ""
    for line in block[1].splitlines():
        name = line.split()[0]
        if line.startswith(" "):
            files[folder].append(name)
        else:
            folder = name
            arrow = re.match(r"\w+ <- ((?:_\w+ )+)", line)
            files[folder], below[folder] = [], set(arrow[1].split()) if arrow else set()
    return files, below


FILES, BELOW = stated()
NAMES = [f"{folder}/{name}" for folder, names in FILES.items() for name in names]
# The floor that plugins import from.
UPPERMOST = ("_ansible/", "_encoders/", "_playbooks/")
PLUGINS = sorted(str(path.relative_to(ROOT / "plugins").with_suffix("")) for path in ROOT.glob("plugins/*/*.py"))


def imports_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield ("engine", FOLDER/FILE) for each import of the engine's own, at any depth, and ("library", NAME)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (("library", alias.name.partition(".")[0]) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            inside = [*path.parent.parts, path.stem][: -node.level] if node.level else []
            if node.level:
                module = ".".join([PACKAGE, *inside[len(ENGINE.parts) :], *([module] if module else [])])
            if module.startswith(f"{PACKAGE}."):
                parts = module.removeprefix(f"{PACKAGE}.").split(".")
                yield from (
                    ("engine", "/".join([*parts, *([] if parts[1:] else [alias.name])])) for alias in node.names
                )
            else:
                yield "library", module.partition(".")[0]


def test_the_page_lists_every_file_of_the_engine_once() -> None:
    files = {str(path.relative_to(ENGINE).with_suffix("")) for path in ENGINE.rglob("*.py")}
    assert files - set(NAMES) == set(), "add each to the block `imports` of docs/architecture.md, below what it imports"
    assert set(NAMES) - files == set(), "take each out of the block `imports` of docs/architecture.md"
    assert len(NAMES) == len(set(NAMES))


def test_the_arrows_between_folders_point_downwards() -> None:
    folders = list(FILES)
    for folder, below in BELOW.items():
        assert below <= set(folders[: folders.index(folder)])
    assert not BELOW["_core"]
    assert "_service" not in BELOW["_ledger"]
    assert "_ledger" not in BELOW["_service"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_imports_only_folders_below_and_files_above_it(name: str) -> None:
    folder, file = name.split("/")
    above = [f"{folder}/{other}" for other in FILES[folder][: FILES[folder].index(file)]]
    allowed = {*above, *(f"{one}/{other}" for one in BELOW[folder] for other in FILES[one])}
    imported = {target for kind, target in imports_of(ENGINE / f"{name}.py") if kind == "engine"}
    assert imported <= allowed


@pytest.mark.parametrize("name", NAMES)
def test_a_library_is_imported_only_where_the_design_has_it(name: str) -> None:
    imported = {target for kind, target in imports_of(ENGINE / f"{name}.py") if kind == "library"}
    foreign = imported - set(sys.stdlib_module_names)
    assert foreign <= set(LIBRARIES)
    assert all(name in LIBRARIES[library] for library in foreign)


# What other folders may import of the ledger. Its tables, its statements and its own key are in none of these.
FACE = {
    f"_ledger/{name}" for name in ("lease_owner", "location", "maintenance", "merging", "rows", "store", "unanswered")
}


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("_ledger/")])
def test_the_ledgers_tables_are_used_inside_its_folder_alone(name: str) -> None:
    imported = {target for kind, target in imports_of(ENGINE / f"{name}.py") if kind == "engine"}
    assert {target for target in imported if target.startswith("_ledger/")} <= FACE


# How the environment, or a folder that depends on it, is read.
READS_ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "expanduser", "expandvars", "home"}


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(UPPERMOST)])
def test_options_and_the_environment_are_known_to_the_uppermost_floor_alone(name: str) -> None:
    for node in ast.walk(ast.parse((ENGINE / f"{name}.py").read_text())):
        assert not (isinstance(node, ast.arg) and node.arg in ("options", "task_vars"))
        assert not (isinstance(node, ast.Attribute) and node.attr in READS_ENVIRONMENT)
        if isinstance(node, ast.ImportFrom):
            assert not {alias.name for alias in node.names} & READS_ENVIRONMENT


CHANGES = {
    "create_room",
    "create_session",
    "delete_room",
    "delete_session",
    "end_session",
    "go_live",
    "reschedule_session",
    "update_room",
    "update_settings",
}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("_reconcile/steps", "_service/api")])
def test_what_changes_the_service_is_called_by_steps_alone(name: str) -> None:
    """Else check mode could not tell of it, and a plan would not hold it."""
    for node in ast.walk(ast.parse((ENGINE / f"{name}.py").read_text())):
        assert not (isinstance(node, ast.Attribute) and node.attr in CHANGES)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_the_engine_says_that_it_is_private(name: str) -> None:
    assert PRIVATE in (ENGINE / f"{name}.py").read_text()


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_imports_from_the_uppermost_floor_and_the_core_alone(name: str) -> None:
    imported = set(imports_of(ROOT / "plugins" / f"{name}.py"))
    libraries = {target for kind, target in imported if kind == "library"}
    # What runs on a host has its parts in module_utils.
    allowed = {"ansible", "ansible_collections"} if name == "modules/encoder_host_remote" else {"ansible"}
    assert libraries - set(sys.stdlib_module_names) <= allowed
    assert {f"{target.partition('/')[0]}/" for kind, target in imported if kind == "engine"} <= {*UPPERMOST, "_core/"}


@pytest.mark.parametrize("path", sorted(ROOT.glob("plugins/module_utils/**/*.py")), ids=lambda path: path.stem)
def test_what_runs_on_a_host_needs_nothing_but_an_old_python(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= set(sys.stdlib_module_names)
        if isinstance(node, ast.ImportFrom):
            # Its own neighbours, or the standard library.
            assert node.level == 1 or (node.module or "").partition(".")[0] in sys.stdlib_module_names
    assert PRIVATE in path.read_text()


def libraries_behind(path: Path) -> set[str]:
    """The libraries that a file imports when it is loaded, also through the engine's files."""
    found: set[str] = set()
    for kind, target in set(imports_of(path)):
        found |= {target} if kind == "library" else libraries_behind(ENGINE / f"{target}.py")
    return found - set(sys.stdlib_module_names)


@pytest.mark.parametrize("name", [name for name in PLUGINS if name.startswith(("filter/", "test/"))])
def test_a_filter_or_test_needs_no_library_of_requirements_txt(name: str) -> None:
    """Ansible loads them where it looks for any filter, also where the requirements are not installed."""
    of_ansible_core = {"ansible", "jinja2", "yaml"}
    assert libraries_behind(ROOT / "plugins" / f"{name}.py") <= of_ansible_core


@pytest.mark.parametrize("path", sorted((ROOT / "plugins" / "action").glob("*.py")), ids=lambda path: path.stem)
def test_an_action_is_thin(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 40


@pytest.mark.parametrize("folder", FILES)
def test_the_tests_of_a_folder_are_named_after_its_files(folder: str) -> None:
    names = tuple(f"test_{name}" for name in FILES[folder])
    tests = sorted((ROOT / "tests" / "unit" / folder).glob("test_*.py"))
    assert tests
    assert [path.name for path in tests if not path.stem.startswith(names)] == []


def test_the_page_lists_the_files_that_have_no_tests_of_their_own() -> None:
    listed = set(re.findall(r"^\| `(_\w+/\w+)` \|", PAGE.read_text(), re.MULTILINE))
    tests = ROOT / "tests" / "unit"
    assert listed == {name for name in NAMES if not list((tests / name).parent.glob(f"test_{Path(name).name}*.py"))}


def test_init_files_of_the_tests_are_empty() -> None:
    assert all(path.stat().st_size == 0 for path in Path(__file__).parent.rglob("__init__.py"))
