# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists all names that users can use, one on each line. `python -m tests.public_interface` writes the list to its file.

The names are read from what ships. tests/public_interface.txt is the reviewed list. A test compares the two, so that
every change of the public interface is a difference in a reviewed file.
"""

from __future__ import annotations

import fnmatch
import functools
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, nodes

from tests.conftest import COLLECTIONS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "tests" / "public_interface.txt"
UPDATE = ".venv/bin/python -m tests.public_interface"
COLLECTION = "tenbyte.webinar"
# Folders whose files are not listed: the engine is private, and every change adds a changelog fragment.
WITHOUT_FILES = ("plugins/plugin_utils", "plugins/module_utils", "changelogs")
JINJA = Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])  # noqa: S701 - nothing is rendered
# Names that Ansible and Jinja define.
MAGIC = re.compile(
    r"(ansible_|inventory_)\w+|groups|hostvars|item|loop|lookup|now|omit|play_hosts|playbook_dir|q|query"
)


def interface() -> list[str]:
    """Return all lines of the list, sorted."""
    return sorted({*plugins(), *roles(), *playbooks(), *variables(), *environment(), *facts(), *artifact(), *needs()})


@functools.cache
def documentation() -> dict[str, dict[str, Any]]:
    """Return the documentation of each plugin and role, as ansible-doc reads it, by kind and by short name."""
    command = [sys.executable, "-m", "ansible.cli.doc", "--metadata-dump", "--no-fail-on-errors", "--json", COLLECTION]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    kinds = {"become": {}, **json.loads(answer)["all"]}
    return {
        kind: {name.removeprefix(f"{COLLECTION}."): described for name, described in found.items()}
        for kind, found in kinds.items()
        if kind != "keyword"
    }


def plugins() -> Iterator[str]:
    """Yield each plugin, its options and its return values."""
    for kind, found in documentation().items():
        if kind == "role":
            continue
        for name, described in found.items():
            if is_private(described["doc"]):
                continue
            yield f"{kind} {name}"
            for option in options_of(described["doc"].get("options") or {}, "suboptions"):
                yield f"{kind} {name}: option {option}"
            for key in returned(described.get("return") or {}):
                yield f"{kind} {name}: returns {key}"
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    for group, actions in runtime["action_groups"].items():
        yield from (f"action group {group}: {action}" for action in actions)


def is_private(doc: Mapping[str, Any]) -> bool:
    """Return whether a plugin or role says that it is for the collection alone."""
    first = doc.get("description") or [""]
    return str(first if isinstance(first, str) else first[0]).startswith("Private to ")


def options_of(options: Mapping[str, Any], nested: str, prefix: str = "") -> Iterator[str]:
    """Yield `NAME: TYPE, REQUIRED, DEFAULT, CHOICES` of each option. An option of a list's items is `LIST[].NAME`."""
    for name, option in options.items():
        kind = option.get("type", "str")
        told = [f"{kind} of {option['elements']}" if option.get("elements") else kind]
        if option.get("required"):
            told.append("required")
        if option.get("default") is not None:
            told.append(f"default {json.dumps(option['default'])}")
        if option.get("choices"):
            told.append(f"one of {json.dumps(list(option['choices']))}")
        if option.get("aliases"):
            told.append(f"also {json.dumps(option['aliases'])}")
        yield f"{prefix}{name}: {', '.join(told)}"
        yield from options_of(option.get(nested) or {}, nested, f"{prefix}{name}{_mark(kind)}.")


def returned(keys: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield `NAME: TYPE` of each key."""
    for name, key in keys.items():
        kind = key.get("type", "raw")
        yield f"{prefix}{name}: {kind} of {key['elements']}" if key.get("elements") else f"{prefix}{name}: {kind}"
        yield from returned(key.get("contains") or {}, f"{prefix}{name}{_mark(kind)}.")


def _mark(kind: str) -> str:
    return "[]" if kind == "list" else ""


def roles() -> Iterator[str]:
    """Yield each role, its entry points and its variables."""
    for name, described in documentation()["role"].items():
        for entry, told in described["entry_points"].items():
            if str(told.get("short_description")).startswith("Private to "):
                continue
            yield f"role {name}: tasks_from {entry}"
            for option in options_of(told.get("options") or {}, "options"):
                yield f"role {name}: variable {option}"


def variables() -> Iterator[str]:
    """Yield the variables that actions and lookups read."""
    for text in _texts_of_plugins():
        yield from (f"variable {name}" for name in re.findall(r"\bC\((tenbyte_[a-z_]+)\)", text))


def environment() -> Iterator[str]:
    """Yield the environment variables that plugins document or read, and those that playbooks and roles read."""
    for text in _texts_of_plugins():
        yield from (f"environment variable {name}" for name in re.findall(r"\bE\(([A-Z_]+)\)", text))
    for path in (ROOT / "plugins").rglob("*.py"):
        found = re.findall(r"[\"'](XDG_[A-Z_]+|TENBYTE_[A-Z_]+)[\"']", path.read_text())
        yield from (f"environment variable {name}" for name in found)
    for folder in ("playbooks", "roles"):
        for path in (ROOT / folder).rglob("*.*"):
            found = re.findall(r"lookup\(['\"](?:ansible\.builtin\.)?env['\"], *['\"]([A-Z_]+)", _text(path))
            yield from (f"environment variable {name}" for name in found)


def facts() -> Iterator[str]:
    """Yield the facts that actions return, and the facts that roles set for others."""
    for name, described in documentation()["module"].items():
        for fact in (described["return"].get("ansible_facts") or {}).get("contains") or {}:
            yield f"fact {fact}: of the action {name}"
    for path in sorted((ROOT / "roles").glob("*/tasks/*.yml")):
        for task in tasks_of(yaml.safe_load(path.read_text())):
            for fact in task.get("ansible.builtin.set_fact") or {}:
                if not fact.startswith("_") and fact != "cacheable":
                    yield f"fact {fact}: of the role {path.parts[-3]}"


def tasks_of(entries: Any) -> Iterator[dict[str, Any]]:
    """Yield every task in plays, blocks and lists of tasks."""
    for entry in entries or []:
        yield entry
        for part in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always"):
            yield from tasks_of(entry.get(part))


def playbooks() -> Iterator[str]:
    """Yield each playbook, its own variables, and the groups of the inventory that it uses."""
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        yield f"playbook {path.stem}"
        yield from (f"playbook {path.stem}: variable {name}" for name in playbook_variables(path.stem))
        for file in _files_of(path):
            text = file.read_text()
            groups = {*re.findall(r"groups\[['\"](\w+)['\"]\]", text), *re.findall(r"(?m)^ *-? hosts: (\w+)$", text)}
            yield from (f"playbook {path.stem}: group {group}" for group in groups - {"all", "localhost"})


@functools.cache
def playbook_variables(name: str) -> frozenset[str]:
    """Return the variables that a playbook and its included files read, and that neither they nor a role set."""
    read: set[str] = set()
    set_here: set[str] = set()
    for file in _files_of(ROOT / "playbooks" / f"{name}.yml"):
        if file.suffix == ".yml":
            content = yaml.safe_load(file.read_text())
            for task in tasks_of(content):
                set_here |= _set_by(task)
            read |= {found for template in _templates(content) for found in _read_by(template)}
        else:
            read |= _read_by(file.read_text())
    of_roles = {
        option
        for described in documentation()["role"].values()
        for entry in described["entry_points"].values()
        for option in entry.get("options") or {}
    }
    own = read - set_here - (of_roles - {"event_rooms"}) - set(JINJA.globals)
    return frozenset(one for one in own if not MAGIC.fullmatch(one) and not one.startswith("tenbyte_"))


def _files_of(path: Path) -> list[Path]:
    """Return a file of the playbooks, and all files that it includes, directly or not."""
    found, to_read = [path], [path]
    while to_read:
        file = to_read.pop()
        for name in re.findall(r"[\w/.-]+\.(?:yml|j2)\b", file.read_text()):
            for named in (file.parent / name, *(ROOT / "playbooks" / sub / name for sub in ("", "tasks", "templates"))):
                if named.is_file() and named.resolve() not in found:
                    found.append(named.resolve())
                    to_read.append(named.resolve())
    return found


def _set_by(task: Mapping[str, Any]) -> set[str]:
    control = task.get("loop_control") or {}
    names = {*(task.get("vars") or {}), *(task.get("ansible.builtin.set_fact") or {})}
    return names | {one for one in (task.get("register"), control.get("loop_var"), control.get("index_var")) if one}


def _templates(value: Any, *, is_condition: bool = False) -> Iterator[str]:
    """Yield each text of a YAML value. A condition such as `when` becomes a template."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _templates(item, is_condition=key in ("when", "until", "that", "failed_when", "changed_when"))
    elif isinstance(value, list):
        for item in value:
            yield from _templates(item, is_condition=is_condition)
    elif isinstance(value, str):
        yield f"{{{{ {value} }}}}" if is_condition and "{{" not in value else value


def _read_by(template: str) -> set[str]:
    tree = JINJA.parse(template)
    names = list(tree.find_all(nodes.Name))
    defined = {one.name for one in names if one.ctx != "load"} | {one.name for one in tree.find_all(nodes.Macro)}
    defined |= {one.target for one in tree.find_all(nodes.Import)}
    return {one.name for one in names if one.ctx == "load"} - defined


def artifact() -> Iterator[str]:
    """Yield each file that git knows and that `ansible-galaxy collection build` packs."""
    ignored = [*yaml.safe_load((ROOT / "galaxy.yml").read_text())["build_ignore"], "galaxy.yml"]
    for path in _source_files():
        parts = path.split("/")
        above = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        if any(fnmatch.fnmatch(one, pattern) for one in above for pattern in ignored):
            continue
        folder = next((folder for folder in WITHOUT_FILES if path.startswith(f"{folder}/")), None)
        yield f"file {folder}/*" if folder else f"file {path}"


def _source_files() -> list[str]:
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        known = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rstrip("\0").split("\0")
    except (OSError, subprocess.CalledProcessError):
        known = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()]
    return [path for path in known if (ROOT / path).is_file()]


def needs() -> Iterator[str]:
    """Yield the versions of ansible-core and of Python libraries that the collection needs, and the ledger's own."""
    yield f"needs ansible-core{yaml.safe_load((ROOT / 'meta' / 'runtime.yml').read_text())['requires_ansible']}"
    for line in (ROOT / "meta" / "ee-requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            yield f"needs {line}"
    migration = importlib.import_module(f"ansible_collections.{COLLECTION}.plugins.plugin_utils._ledger.migration")
    yield f"ledger schema version {migration.newest_version()}"


def _texts_of_plugins() -> Iterator[str]:
    for kind, found in documentation().items():
        if kind != "role":
            yield json.dumps([described["doc"] for described in found.values()])


def _text(path: Path) -> str:
    return path.read_text() if path.suffix in (".yml", ".j2", ".md") else ""


def main() -> None:
    PAGE.write_text("".join(f"{line}\n" for line in interface()))


if __name__ == "__main__":
    main()
