# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the tasks, plays and commands of the documentation: README, docs, roles and plugins."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
# Blocks of YAML that no test can run, by page and first line, and why.
NOT_RUN = {
    ("docs/lab.md", "platforms:"): "a part of a scenario's molecule.yml: `make molecule` runs those of this repository",
}
# How a block is run: tests/integration/examples/test_pages.py has the harness of each kind.
KINDS = (
    "playbook",
    "tasks",
    "variables",
    "inventory",
    "environment",
    "credential fields",
    "injectors",
    "pipeline",
    "requirements",
)


def pages() -> list[Path]:
    """Return every page of prose that ships."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "roles").glob("*/README.md"))]


def code_blocks(page: Path, language: str) -> list[str]:
    """Return a page's blocks of a language, in order, without the indent of a surrounding list."""
    found = re.findall(rf"(?ms)^( *)```{language}\n(.*?)^ *```$", page.read_text())
    return [re.sub(rf"(?m)^{indent}", "", block) for indent, block in found]


def named_block(page: Path, name: str) -> str:
    """Return the block of YAML that begins with its file's name, as a comment."""
    (block,) = (block for block in code_blocks(page, "yaml") if block.startswith(f"# {name}\n"))
    return block


@dataclass(frozen=True)
class Block:
    """A block of YAML of a page; ``number`` is its place among them, from 1."""

    page: Path
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}, block {self.number} ({self.text.partition(chr(10))[0]})"

    @property
    def file(self) -> str:
        """The name of its file: that of the comment in its first line, if it has one."""
        named = re.match(r"# (\S+\.ya?ml)\n", self.text)
        return named[1].removeprefix("~/") if named else f"block-{self.number}.yml"

    @cached_property
    def content(self) -> Any:
        return yaml.load(self.text, Loader=_AnyTag)  # noqa: S506 - a subclass of the safe loader

    @property
    def not_run(self) -> str | None:
        """Why no test can run it, or None."""
        return NOT_RUN.get((str(self.page.relative_to(ROOT)), self.text.partition("\n")[0]))

    @property
    def kind(self) -> str | None:
        """One of KINDS, by its content; None if it fits none, which is an error of the page or asks for a harness."""
        content = self.content
        if isinstance(content, list) and content and all(isinstance(entry, dict) for entry in content):
            return "playbook" if any(is_play(entry) or _imports(entry) for entry in content) else "tasks"
        if not isinstance(content, dict):
            return None
        names = {str(name) for name in content}
        if names <= variables():
            return "variables"
        if all(isinstance(group, dict) and {"hosts", "children"} & set(group) for group in content.values()):
            return "inventory"
        by_name = {
            "fields": "credential fields",
            "injectors": "injectors",
            "env": "injectors",
            "extra_vars": "injectors",
        }
        if content.get("version") == 3 and "dependencies" in names:
            return "environment"
        if names == {"collections"}:
            return "requirements"
        return next((by_name[name] for name in by_name if name in names), "pipeline" if commands(content) else None)


def blocks(page: Path) -> list[Block]:
    return [Block(page, number, text) for number, text in enumerate(code_blocks(page, "ya?ml"), 1)]


@cache
def variables() -> frozenset[str]:
    """Return the variables that users can set, of roles, of playbooks and of all actions."""
    listed = (ROOT / "tests" / "public_interface.txt").read_text()
    return frozenset(re.findall(r"(?m)^(?:role \S+: |playbook \S+: )?variable (\w+)(?![\w.\[])", listed))


def commands(pipeline: Any) -> list[str]:
    """Return the commands in the jobs of a pipeline, GitHub's or GitLab's, that run ansible-playbook."""
    if isinstance(pipeline, dict):
        return [found for value in pipeline.values() for found in commands(value)]
    if isinstance(pipeline, list):
        return [found for value in pipeline for found in commands(value)]
    lines = str(pipeline).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("ansible-playbook ")]


def _imports(entry: dict[str, Any]) -> bool:
    return bool({"import_playbook", "ansible.builtin.import_playbook"} & set(entry))


def plugin_examples() -> dict[str, list[dict[str, Any]]]:
    """Return the tasks or plays in the EXAMPLES of each action and of each other plugin, by its path."""
    examples = {}
    for path in sorted((ROOT / "plugins").glob("*/[!_]*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and [getattr(target, "id", None) for target in node.targets] == [
                "EXAMPLES"
            ]:
                examples[str(path.relative_to(ROOT))] = yaml.safe_load(ast.literal_eval(node.value)) or []
    return examples


def is_play(entry: Any) -> bool:
    return isinstance(entry, dict) and "hosts" in entry


def playbooks() -> dict[str, list[dict[str, Any]]]:
    """Return every documented or shipped playbook, by its place."""
    found: dict[str, list[dict[str, Any]]] = {}
    for page in pages():
        for number, block in enumerate(code_blocks(page, "ya?ml"), 1):
            content = yaml.load(block, Loader=_AnyTag)  # noqa: S506 - a subclass of the safe loader
            if isinstance(content, list) and any(map(is_play, content)):
                found[f"{page.relative_to(ROOT)}, block {number}"] = content
    found |= {where: entries for where, entries in plugin_examples().items() if any(map(is_play, entries))}
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        found[str(path.relative_to(ROOT))] = yaml.load(path.read_text(), Loader=_AnyTag)  # noqa: S506
    return found


def plays() -> Iterator[tuple[str, dict[str, Any]]]:
    for where, entries in playbooks().items():
        yield from ((where, entry) for entry in entries if is_play(entry))


class _AnyTag(yaml.SafeLoader):
    """Reads Ansible's own tags as plain text."""


_AnyTag.add_multi_constructor("!", lambda loader, _tag, node: loader.construct_scalar(node))
