# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the tasks, plays and commands of the documentation: README, docs, roles and plugins."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]


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
