# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sentences in the code that a user can meet as a message, and the rows of docs/troubleshooting.md about them."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "troubleshooting.md"
# What stands for a value in a message, here and on the page.
GAP = "…"
# A message has at least so many words and gaps; what is raised may have fewer.
FEWEST_WORDS = 4
_DOCUMENTATION = {"DOCUMENTATION", "EXAMPLES", "RETURN"}


@functools.cache
def messages() -> dict[str, str]:
    """Return every sentence of plugins, roles and playbooks with values as GAP, and where it is."""
    found: dict[str, str] = {}
    for path in sorted(ROOT.glob("plugins/**/*.py")):
        if path.parent.name not in {"modules", "doc_fragments"} and path.name != "argument_specs.py":
            found |= dict.fromkeys(of_python(path.read_text()), str(path.relative_to(ROOT)))
    for path in sorted(ROOT.glob("roles/*/files/*.py")):
        found |= dict.fromkeys(of_python(path.read_text()), str(path.relative_to(ROOT)))
    tasks = [*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("playbooks/**/*.yml"), *ROOT.glob("roles/*/vars/*.yml")]
    for path in sorted(tasks):
        found |= dict.fromkeys(of_tasks(yaml.safe_load(path.read_text())), str(path.relative_to(ROOT)))
    return found


def of_python(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    left_out = {id(node) for node in _documentation(tree)}
    raised = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Raise) for part in ast.walk(node)}
    inner: set[int] = set()
    for node in ast.walk(tree):
        if id(node) in inner or id(node) in left_out:
            continue
        text = _text(node)
        if text is None:
            continue
        inner |= {id(part) for part in ast.walk(node)}
        if _is_sentence(text, raised=id(node) in raised):
            yield _one_line(text)


def _documentation(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield docstrings, and what documents a plugin."""
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() if ast.get_docstring(node):
                expression = node.body[0]
                assert isinstance(expression, ast.Expr)
                yield expression.value
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in _DOCUMENTATION:
                yield value


def _text(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return re.sub(r"\{\w*\}|%s", GAP, text)
        case ast.JoinedStr(values=values):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            texts = _text(left), _text(right)
            return None if texts == (None, None) else "".join(text or GAP for text in texts)
    return None


def of_tasks(value: Any) -> Iterator[str]:
    """Yield what tasks fail with, and the sentences inside of templates."""
    if isinstance(value, list):
        for one in value:
            yield from of_tasks(one)
    if not isinstance(value, dict):
        return
    for key, one in value.items():
        failed = key == "fail_msg" or (key == "ansible.builtin.fail" and isinstance(one, dict))
        text = one.get("msg", "") if isinstance(one, dict) else one
        if failed and isinstance(text, str):
            yield from _of_template(text)
        elif isinstance(one, str) and re.match(r"_\w*(without|no_facts|problem|last_words)", str(key)):
            yield from _of_template(one)
        yield from of_tasks(one)


def _of_template(text: str) -> Iterator[str]:
    outside = re.sub(r"(?s)\{\{.*?\}\}|\{%.*?%\}", GAP, text)
    expressions = " ".join(re.findall(r"(?s)\{\{(.*?)\}\}", text))
    inside = [found[1] for found in re.findall(r"(?s)(['\"])((?:(?!\1).)*)\1", expressions)]
    for one in (outside, *inside):
        if _is_sentence(one, raised=False):
            yield _one_line(one)


def _is_sentence(text: str, *, raised: bool) -> bool:
    parts = text.replace(GAP, f" {GAP} ").split()
    words = [part for part in parts if re.fullmatch(r"[\"'(#;]*[A-Za-z]+(?:['_.:/-][A-Za-z]+)*[\"',;:.?)!]*", part)]
    gaps = [part for part in parts if part == GAP]
    return len(words) >= 2 and (raised or len(words) + len(gaps) >= FEWEST_WORDS)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def rows(page: str) -> list[tuple[list[str], str]]:
    """Return the messages in the first column of each table, and what the second column says."""
    found = []
    for line in page.splitlines():
        if line.startswith("| `"):
            first, second = re.split(r" \| ", line.strip("| "), maxsplit=1)
            found.append((re.findall(r"`([^`]+)`", first), second))
    return found


def matches(shown: str, message: str) -> bool:
    """Whether a message of the page is this one of the code: its pieces between gaps are in it, in order."""
    place = 0
    for piece in shown.split(GAP):
        place = message.find(piece.strip(), place)
        if place < 0:
            return False
        place += len(piece.strip())
    return True
