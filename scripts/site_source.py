# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Collects the pages of the documentation site: ``site_source.py REPOSITORY TARGET``.

The pages of the repository link to one another as files, which works on a forge. Here each link is turned into one
between pages of the site, or into the address of the file in the repository. A link to a file that is not there is an
error. The table of contents is made from the lists in docs/index.md.
"""

from __future__ import annotations

import re
import shutil
import sys
import zlib
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

import yaml

# The documents of ansible-core to which pages of antsibull-docs refer.
ANSIBLE_LABELS = {
    "ansible_configuration_settings": (
        "reference_appendices/config.html#ansible-configuration-settings",
        "Configuration",
    ),
    "action_plugins": ("plugins/action.html#action-plugins", "Action plugins"),
    "common_return_values": ("reference_appendices/common_return_values.html#common-return-values", "Return Values"),
}
_PLUGINS = {
    "action": "module",
    "callback": "callback",
    "filter": "filter",
    "inventory": "inventory",
    "lookup": "lookup",
    "modules": "module",
    "test": "test",
}
_EDA = "extensions/eda/plugins"
# [text](target) and ![text](target), with a title or without; and blocks and spans of code, in which nothing is a link.
_LINK_OR_CODE = re.compile(
    r"(?ms)^[ ]*(?P<fence>```+|~~~+).*?^[ ]*(?P=fence)$|`[^`\n]+`"
    r"|(?P<head>!?\[(?:[^\[\]]|\[[^\]]*\])*\]\()(?P<target>[^)\s]+)(?P<tail>[^)]*\))"
)
# A section of docs/index.md is a part of the table of contents; the first link of each item is a page.
_SECTION = re.compile(r"(?m)^## (?P<title>.+)$")
_ITEM = re.compile(r"(?m)^- \[(?P<text>[^\]]+)\]\((?P<target>[^)]+)\)")
_OWN_CONTENTS = re.compile(r"(?m)^\.\. contents::\n(?:   :.*\n)*")
# Sphinx warns of a page in no table of contents unless the page says so.
_ORPHAN = "---\norphan: true\n---\n"


class Mistake(Exception):
    """A page has a link that leads nowhere."""


def page_of(path: str) -> str | None:
    """Return where a file of the repository is in the site, None if it is not there."""
    parts = PurePosixPath(path).parts
    match parts:
        case ("docs", "index.md"):
            return "index.md"
        case ("docs", name) if name.endswith(".md"):
            return name
        case ("docs", "images", *_):
            return "/".join(parts[1:])
        case (name,) if name.endswith(".md"):
            return f"project/{name}"
        case ("plugins",) | ("plugins", "modules") | ("roles",):
            return "collections/index.rst"
        case ("plugins", kind, name) if kind in _PLUGINS and name.endswith(".py"):
            return f"collections/{name.removesuffix('.py')}_{_PLUGINS[kind]}.rst"
        case ("roles", role, "meta", "argument_specs.yml") | ("roles", role):
            return f"collections/{role}_role.rst"
        case ("roles", role, "README.md") if not role.startswith("private_"):
            return f"roles/{role}.md"
        case ("extensions", "eda", "plugins", kind, name) if name.endswith(".py"):
            return f"collections/{name.removesuffix('.py')}_{kind}.md"
    return None


def pages_of(root: Path) -> list[str]:
    """Return the pages of the repository that are in the site."""
    found = [*root.glob("*.md"), *root.glob("docs/*.md"), *root.glob("roles/*/README.md")]
    paths = sorted(path.relative_to(root).as_posix() for path in found)
    return [path for path in paths if page_of(path) is not None]


def linked(text: str, path: str, root: Path, repository: str) -> str:
    """Return a page with its links as the site needs them; ``path`` is where the page is in the repository."""
    here = str(page_of(path))

    def replaced(match: re.Match[str]) -> str:
        if match["target"] is None:
            return match.group()
        return match["head"] + _target(match["target"], path, here, root, repository) + match["tail"]

    return _LINK_OR_CODE.sub(replaced, text)


def _target(target: str, path: str, here: str, root: Path, repository: str) -> str:
    name, mark, anchor = target.partition("#")
    ours = re.match(rf"{re.escape(repository)}/(?:blob|tree|raw)/[^/]+/", name)
    if ours:
        there = name[ours.end() :]
    elif ":" in name or not name:
        return target
    else:
        there = normpath(f"{PurePosixPath(path).parent}/{name}")
    if not (root / there).exists():
        raise Mistake(f"{path}: there is no {name}")
    page = page_of(there.rstrip("/"))
    if page is None:
        return f"{repository}/blob/main/{there}{mark}{anchor}"
    if page.endswith(".rst"):
        # The sections of a file in the repository are not those of its page.
        mark = anchor = ""
    return "../" * here.count("/") + page + mark + anchor


def contents(index: str) -> str:
    """Return the tables of contents that Sphinx needs, from the lists in docs/index.md."""
    sections = _SECTION.split(index)[1:]
    tables = []
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        pages = [f"{item['text']} <{page_of(normpath('docs/' + item['target']))}>" for item in _ITEM.finditer(body)]
        if pages:
            tables.append("\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```", ""]))
    return "\n".join(tables)


def event_source_page(name: str, kind: str, source: str) -> str:
    """Return a page about a plugin for Event-Driven Ansible, which antsibull-docs does not know."""
    said = {
        key: yaml.safe_load(value)
        for key, value in re.findall(r'(?ms)^(DOCUMENTATION) = r?"""(.*?)"""', source)
        if value.strip()
    }
    if "DOCUMENTATION" not in said:
        raise Mistake(f"{_EDA}/{kind}/{name}.py has no DOCUMENTATION")
    examples = re.search(r'(?ms)^EXAMPLES = r?"""\s*(.*?)"""', source)
    about: dict[str, Any] = said["DOCUMENTATION"]
    lines = [f"# tenbyte.webinar.{name} ({kind.replace('_', ' ')})", "", f"{about['short_description']}.", ""]
    lines += [f"{_text(about.get('description', ''))}", ""]
    if about.get("options"):
        lines += ["| option | type | default | |", "| --- | --- | --- | --- |"]
    for option, described in (about.get("options") or {}).items():
        default = "required" if described.get("required") else described.get("default", "")
        lines.append(f"| `{option}` | {described.get('type', 'str')} | {default} | {_text(described['description'])} |")
    if examples:
        lines += ["", "```yaml", examples.group(1).rstrip(), "```"]
    return "\n".join([*lines, ""])


def _text(described: str | list[str]) -> str:
    text = described if isinstance(described, str) else " ".join(described)
    # O(option), V(value), C(code), E(NAME) and so on, as Ansible marks them.
    return re.sub(r"\b[OVCEMPI]\(([^)]*)\)", r"`\1`", " ".join(text.split()))


def inventory() -> bytes:
    """Return an inventory of Sphinx's with the labels of ansible-core that are used."""
    rows = [f"{label} std:label -1 {place} {title}\n" for label, (place, title) in sorted(ANSIBLE_LABELS.items())]
    # Sphinx reads these four lines, the last of them whole.
    head = (
        b"# Sphinx inventory version 2\n# Project: Ansible\n# Version: \n"
        b"# The remainder of this file is compressed using zlib.\n"
    )
    return head + zlib.compress("".join(rows).encode())


def collect(root: Path, target: Path) -> None:
    repository = yaml.safe_load((root / "galaxy.yml").read_text(encoding="utf-8"))["repository"]
    index = (root / "docs" / "index.md").read_text(encoding="utf-8")
    listed = {page_of(normpath(f"docs/{item['target']}")) for item in _ITEM.finditer(index)} | {"index.md"}
    for path in pages_of(root):
        page = str(page_of(path))
        text = linked((root / path).read_text(encoding="utf-8"), path, root, repository)
        if page == "index.md":
            text = f"{text}\n{contents(index)}"
        _write(target / page, text if page in listed else _ORPHAN + text)
    for plugin in sorted((root / _EDA).glob("event_*/*.py")):
        text = event_source_page(plugin.stem, plugin.parent.name, plugin.read_text(encoding="utf-8"))
        _write(target / str(page_of(plugin.relative_to(root).as_posix())), _ORPHAN + text)
    # The theme has a table of contents beside each page, and refuses another one in it.
    for generated in sorted((target / "collections").glob("*.rst")):
        _write(generated, _OWN_CONTENTS.sub("", generated.read_text(encoding="utf-8")))
    shutil.copytree(root / "docs" / "images", target / "images")
    (target / "ansible.inv").write_bytes(inventory())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        collect(Path(sys.argv[1]), Path(sys.argv[2]))
    except Mistake as mistake:
        sys.exit(f"error: {mistake}")
