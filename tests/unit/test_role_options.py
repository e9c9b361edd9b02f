# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles get options as text (`-e x=false`), and `when` takes any text for true. So each use must convert."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.ffmpeg_files import program_settings
from jinja2 import Environment, nodes

from tests.unit._encoders.role_streams import stream_of

# Python warns of escapes in the templates' regular expressions.
pytestmark = pytest.mark.filterwarnings("ignore:invalid escape:DeprecationWarning")

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.parents[1] for path in ROOT.glob("roles/*/meta/argument_specs.yml"))
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
CONVERSIONS = {"bool": {"bool"}, "int": {"int"}, "float": {"float", "int"}}
CONDITIONS = {"when", "until", "that", "failed_when", "changed_when"}
JINJA = Environment(extensions=["jinja2.ext.do"])  # noqa: S701 - nothing is rendered


def typed_options(role: Path) -> dict[str, str]:
    entries = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"].values()
    options = {name: spec for entry in entries for name, spec in entry["options"].items()}
    return {name: spec["type"] for name, spec in options.items() if spec["type"] in CONVERSIONS}


OPTIONS = {name: kind for role in ROLES for name, kind in typed_options(role).items()}


def expressions(value: Any, *, condition: bool = False) -> Iterator[str]:
    """Yield each template of a YAML value; a bare condition becomes one."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from expressions(item, condition=key in CONDITIONS)
    elif isinstance(value, list):
        for item in value:
            yield from expressions(item, condition=condition)
    elif isinstance(value, str):
        yield f"{{{{ {value} }}}}" if condition and "{{" not in value else value


def unconverted(template: str, options: dict[str, str]) -> set[str]:
    """Return the options that a template uses without a conversion."""
    tree = JINJA.parse(template)
    converted: set[int] = set()
    for node in tree.find_all(nodes.Filter):
        inner = node.node
        # A default may stand between an option and its conversion.
        while isinstance(inner, nodes.Filter) and inner.name in ("default", "d"):
            inner = inner.node
        if isinstance(inner, nodes.Name) and node.name in CONVERSIONS.get(options.get(inner.name, ""), ()):
            converted.add(id(inner))
    uses = [node for node in tree.find_all(nodes.Name) if node.name in options]
    return {node.name for node in uses if id(node) not in converted}


def templates_of(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.glob("tasks/*.yml")) + sorted(folder.glob("vars/*.yml")):
        for template in expressions(yaml.safe_load(path.read_text())):
            yield path, template
    for path in sorted(folder.glob("templates/*")):
        yield path, path.read_text()


def test_the_roles_have_typed_options() -> None:
    assert {OPTIONS[name] for name in ("event_reveal_stream_keys", "ffmpeg_encoder_install")} == {"bool"}
    assert {"rtmp_relay_port", "obs_encoder_start", "event_wait_timeout"} <= set(OPTIONS)


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("{{ event_purge }}", {"event_purge"}),
        ("{{ event_purge | bool }}", set()),
        ("{{ event_purge | default(false) | bool }}", set()),
        ("{{ not event_purge }}", {"event_purge"}),
        ("{% if event_purge %}x{% endif %}", {"event_purge"}),
        ("{{ event_wait_timeout > 0 }}", {"event_wait_timeout"}),
        ("{{ event_purge | bool }} {{ event_purge | ternary(1, 2) }}", {"event_purge"}),
        ("event_purge is only named", set()),
    ],
)
def test_an_unconverted_use_is_found(template: str, found: set[str]) -> None:
    assert unconverted(template, OPTIONS) == found


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_every_use_of_a_boolean_or_number_in_a_role_is_converted(role: Path) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}" for path, text in templates_of(role) for name in unconverted(text, OPTIONS)
    }
    assert found == set()


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_every_use_of_a_roles_boolean_or_number_in_a_playbook_is_converted(path: Path) -> None:
    templates = expressions(yaml.safe_load(path.read_text()))
    assert {name for template in templates for name in unconverted(template, OPTIONS)} == set()


EMPTY: list[Any] = [
    {"title": "Hall", "room_id": "", "description": "", "analytics": None, "state": "", "sessions": None},
    {"title": "Hall", "analytics": "", "sessions": [{"title": "Talk", "mode": "", "session_id": "", "settings": ""}]},
    {"room_id": None, "sessions": [{"title": 2027, "scheduled_start_time": "", "encoder": "", "settings": None}]},
    {
        "title": "Hall",
        "sessions": [
            {"title": "Talk", "scheduled_start_time": dt.datetime(2027, 5, 4, tzinfo=dt.timezone.utc), "state": None}
        ],
    },
]


@pytest.mark.parametrize("room", EMPTY)
def test_the_role_event_accepts_empty_cells(room: dict[str, Any]) -> None:
    spec = yaml.safe_load((ROOT / "roles/event/meta/argument_specs.yml").read_text())["argument_specs"]["main"]
    given = {"event_rooms": [room], "event_state": "", "event_replace": "", "event_on_missing_key": ""}
    assert ArgumentSpecValidator(spec["options"]).validate(given).error_messages == []


# The files with the sentences of a role begin with this.
SENTENCES = {"ffmpeg_encoder": "ffmpeg", "rtmp_relay": "relay", "obs_encoder": "obs"}


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_each_journal_named_in_a_message_belongs_to_a_unit(role: Path) -> None:
    files = [path for folder in ("tasks", "vars") for path in (role / folder).glob("*.yml")]
    files += (ROOT / "plugins" / "plugin_utils" / "_encoders").glob(f"{SENTENCES.get(role.name, 'none')}_*.py")
    texts = "\n".join(path.read_text() for path in files)
    units = "\n".join(path.read_text() for path in role.glob("templates/*.service.j2"))
    named = set(re.findall(r"journalctl --identifier ([a-z-]+[a-z])", texts))
    check = ROOT / "roles" / "private_encoder" / "templates" / "health.service.j2"
    assert "SyslogIdentifier={{ private_encoder_unit }}-health\n" in check.read_text()
    checks = {f"{unit}-health" for unit in re.findall(r"private_encoder_unit: (\S+)", texts)}
    assert named <= {*re.findall(r"^SyslogIdentifier=(.+)$", units, re.MULTILINE), *checks}


def test_the_log_file_named_in_a_message_is_written_by_supervisord() -> None:
    text = (ROOT / "roles" / "ffmpeg_encoder" / "tasks" / "verify_stream.yml").read_text()
    assert "ffmpeg_encoder_root ~ '/log/' ~ __ffmpeg_encoder_stream.name ~ '.log'" in text
    program = program_settings(stream_of("ffmpeg_encoder") | {"name": "NAME"}, "ROOT")
    assert re.findall("^stdout_logfile=(.*)$", program, re.MULTILINE) == ["ROOT/log/NAME.log"]
