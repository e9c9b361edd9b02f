# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation site has every page, and its links lead from page to page."""

from __future__ import annotations

import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORGE = "https://forge.example/project"


def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_source", ROOT / "scripts" / "site_source.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SITE = program()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in (
        "README.md",
        "Makefile",
        "docs/ledger.md",
        "docs/images/key.svg",
        "plugins/modules/event.py",
        "plugins/lookup/stream_key.py",
        "roles/event/README.md",
        "roles/private_encoder/README.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("# A page\n")
    return tmp_path


@pytest.mark.parametrize(
    ("target", "link"),
    [
        ("ledger.md#copies", "ledger.md#copies"),
        ("#copies", "#copies"),
        ("images/key.svg", "images/key.svg"),
        ("../README.md#try", "project/README.md#try"),
        ("../plugins/modules/event.py", "collections/event_module.rst"),
        ("../plugins/lookup/stream_key.py", "collections/stream_key_lookup.rst"),
        ("../plugins/modules", "collections/index.rst"),
        ("../roles/event/README.md", "roles/event.md"),
        ("../Makefile", f"{FORGE}/blob/main/Makefile"),
        (f"{FORGE}/blob/main/docs/ledger.md#copies", "ledger.md#copies"),
        (f"{FORGE}/issues", f"{FORGE}/issues"),
        ("https://example.com/docs/ledger.md", "https://example.com/docs/ledger.md"),
    ],
)
def test_a_link_between_files_becomes_one_between_pages(repository: Path, target: str, link: str) -> None:
    text = f"See [the `ledger`]({target}), and ![a picture]({target})."
    assert SITE.linked(text, "docs/page.md", repository, FORGE) == text.replace(target, link)


def test_a_page_in_a_folder_links_upwards(repository: Path) -> None:
    assert SITE.linked("[x](docs/ledger.md)", "README.md", repository, FORGE) == "[x](../ledger.md)"
    assert SITE.linked("[x](../../docs/ledger.md)", "roles/event/README.md", repository, FORGE) == "[x](../ledger.md)"


@pytest.mark.parametrize(
    "text", ["`[x](gone.md)`", "```text\n[x](gone.md)\n```", "1. Do:\n\n   ```text\n   [x](gone.md)\n   ```"]
)
def test_code_is_left_as_it_is(repository: Path, text: str) -> None:
    assert SITE.linked(text, "docs/page.md", repository, FORGE) == text


def test_a_link_to_nothing_is_an_error_that_names_it(repository: Path) -> None:
    with pytest.raises(SITE.Mistake, match=r"docs/page\.md: there is no gone\.md"):
        SITE.linked("[x](gone.md)", "docs/page.md", repository, FORGE)


def test_the_contents_are_the_lists_of_the_index() -> None:
    tables = SITE.contents(
        "# Home\n\n## Begin\n\n- [First](first.md): now\n- [Event](../roles/event/README.md)\n\n## Notes\n\nNone.\n"
    )
    assert tables.splitlines() == [
        "```{toctree}",
        ":hidden:",
        ":caption: Begin",
        "",
        "First <first.md>",
        "Event <roles/event.md>",
        "```",
    ]


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    linked = set(re.findall(r"(?m)^- \[[^\]]+\]\(([^)#]+)\)", index))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"} == {
        name for name in linked if "/" not in name
    }


def test_every_page_says_in_its_first_lines_whom_it_is_for() -> None:
    for name in (
        "first-event",
        "from-the-dashboard",
        "many-rooms",
        "secrecy",
        "live-and-after",
        "awx",
        "pipelines",
        "rehearsing",
        "monitoring",
        "troubleshooting",
        "upgrading",
        "unknown",
    ):
        head = (ROOT / "docs" / f"{name}.md").read_text().splitlines()
        assert re.match(r"For (somebody|whoever|the crew|an administrator)", head[2]), name


def test_a_generated_page_has_no_table_of_contents_of_its_own() -> None:
    page = "Title\n=====\n\n.. contents::\n   :local:\n   :depth: 1\n\n.. note:: Text\n"
    assert SITE._OWN_CONTENTS.sub("", page) == "Title\n=====\n\n\n.. note:: Text\n"


def test_a_plugin_for_event_driven_ansible_has_a_page() -> None:
    source = '''DOCUMENTATION = r"""
short_description: Tell what happens
description: [Asks for O(rooms)., Again and again.]
options:
  interval: {description: Seconds., type: int, default: 10}
  rooms: {description: "Titles, or C(all).", required: true}
"""
EXAMPLES = r"""
- tenbyte.webinar.lifecycle: {rooms: all}
"""
'''
    page = SITE.event_source_page("lifecycle", "event_source", source)
    assert "# tenbyte.webinar.lifecycle (event source)" in page
    assert "Asks for `rooms`. Again and again." in page
    assert "| `interval` | int | 10 | Seconds. |" in page
    assert "| `rooms` | str | required | Titles, or `all`. |" in page
    assert "```yaml\n- tenbyte.webinar.lifecycle: {rooms: all}\n```" in page
    with pytest.raises(SITE.Mistake, match="no DOCUMENTATION"):
        SITE.event_source_page("lifecycle", "event_source", "VALUE = 1\n")


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "images").glob("*.svg")), ids=lambda path: path.stem)
def test_a_diagram_is_small_and_readable_in_both_schemes(picture: Path) -> None:
    text = picture.read_text()
    root = ET.fromstring(text)  # noqa: S314 - a file of the project
    assert len(text) < 10_000
    # A phone shows a picture at about 350 pixels.
    assert float(root.attrib["width"]) <= 480
    assert "prefers-color-scheme: dark" in text
    assert root.find("{http://www.w3.org/2000/svg}desc") is not None
    # The style of each part comes from the sheet, which has both schemes.
    assert not re.search(r'(?:fill|stroke)="#', text)


def test_every_picture_has_a_text_that_stands_for_it() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for text in re.findall(r"!\[([^\]]*)\]\(", page.read_text()):
            assert len(text) > 20, page
