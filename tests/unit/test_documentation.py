# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible import argument_specs
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.options import FROM_ENVIRONMENT, SHARED_OPTIONS
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.results import session_result, step_result
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import Session, SessionSpec
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.outcomes import SessionOutcome
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._reconcile.steps import CreateSession
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service import details

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "ansible_collections.tenbyte.webinar.plugins"
RECONCILING = {
    "event": argument_specs.EVENT_SPEC,
    "room": argument_specs.ROOM_SPEC,
    "session": argument_specs.SESSION_SPEC,
}
SPECS = {
    **RECONCILING,
    "room_info": argument_specs.ROOM_INFO_SPEC,
    "session_info": argument_specs.SESSION_INFO_SPEC,
    "stream_key": argument_specs.STREAM_KEY_SPEC,
    "ledger": argument_specs.LEDGER_ACTION_SPEC,
}
FOLDERS = {"module": "modules", "lookup": "lookup"}
# The action that the encoders' roles use; its options are theirs.
OF_THE_ROLES = "encoder_host"
COMPARED = ("type", "default", "choices", "required", "elements")


def plugin(kind: str, name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{kind}.{name}")


def parsed(module: Any, name: str) -> Any:
    return yaml.safe_load(getattr(module, name))


@functools.cache
def documentation(kind: str) -> dict[str, Any]:
    """Return ansible-doc's output for the collection's plugins of a kind, with fragments."""
    folder = Path(importlib.import_module(PACKAGE).__path__[0]).parents[3]
    names = [f"tenbyte.webinar.{path.stem}" for path in (ROOT / "plugins" / FOLDERS[kind]).glob("[!_]*.py")]
    command = [sys.executable, "-m", "ansible.cli.doc", "--json", "--type", kind, *names]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder)}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return {name.rpartition(".")[2]: described for name, described in json.loads(answer.stdout).items()}


def documented_options(kind: str, name: str) -> dict[str, dict[str, Any]]:
    options: dict[str, dict[str, Any]] = documentation(kind)[name]["doc"]["options"]
    return options


def essence(options: dict[str, dict[str, Any]], nested: str, prefix: str = "") -> dict[str, dict[str, Any]]:
    """Return what is compared of each option and suboption, by its full name, such as ``rooms.sessions.title``."""
    found = {}
    for name, option in options.items():
        compared = {key: option.get(key) or None for key in COMPARED if key != "default"}
        found[f"{prefix}{name}"] = {**compared, "default": option.get("default")}
        found |= essence(option.get(nested, {}), nested, f"{prefix}{name}.")
    return found


def differences(one: dict[str, dict[str, Any]], other: dict[str, dict[str, Any]], places: str) -> list[str]:
    """Return a line for each option that differs between two places, by its full name."""
    return [
        f"{name}: {one.get(name, 'missing')} and {other.get(name, 'missing')}, in {places}"
        for name in sorted({*one, *other})
        if one.get(name) != other.get(name)
    ]


def names_only(options: dict[str, Any], nested: str) -> dict[str, Any]:
    return {name: names_only(option.get(nested, {}), nested) for name, option in options.items()}


def names_in(options: dict[str, Any], nested: str) -> dict[str, dict[str, Any]]:
    return {name: {} for name in essence(options, nested)}


@pytest.mark.parametrize("name", SPECS)
def test_the_documentation_and_the_argument_spec_say_the_same(name: str) -> None:
    places = f"plugins/modules/{name}.py and plugins/plugin_utils/_ansible/argument_specs.py"
    documented = essence(documented_options("module", name), "suboptions")
    assert differences(documented, essence(SPECS[name], "options"), places) == []


def test_a_difference_is_named_with_its_suboption_and_its_files() -> None:
    told = {"rooms": {"suboptions": {"note": {"type": "str"}}}}
    assert [
        line.partition(":")[0]
        for line in differences(essence(told, "suboptions"), essence({"rooms": {}}, "options"), "a and b")
    ] == ["rooms.note"]


def limits_by_description(options: dict[str, Any], documented: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for name, option in options.items():
        described = documented[name]["description"]
        yield name, described if isinstance(described, str) else " ".join(described), option.get("limits")
        yield from limits_by_description(option.get("options", {}), documented[name].get("suboptions") or {})


@pytest.mark.parametrize("name", SPECS)
def test_a_number_is_documented_with_its_limits(name: str) -> None:
    for option, description, limits in limits_by_description(SPECS[name], documented_options("module", name)):
        if limits is not None:
            assert f"from {limits[0]} to {limits[1]}" in description, option


def test_every_action_is_documented_and_in_the_action_group() -> None:
    actions = {path.stem for path in (ROOT / "plugins" / "action").glob("*.py")} - {"__init__"}
    modules = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")} - {"__init__"}
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    assert actions == {*SPECS, OF_THE_ROLES}
    # One part of it runs on the host.
    assert modules == {*actions, f"{OF_THE_ROLES}_remote"}
    assert set(runtime["action_groups"]["all"]) == set(SPECS)


def uses_of(action: str) -> Iterator[dict[str, Any]]:
    """Yield the options that the tasks of roles give an action."""

    def search(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if action in value:
                yield value[action]
            for below in value.values():
                yield from search(below)
        elif isinstance(value, list):
            for below in value:
                yield from search(below)

    for path in sorted(ROOT.glob("roles/*/tasks/*.yml")):
        yield from search(yaml.safe_load(path.read_text()))


def test_the_roles_give_their_own_action_documented_options_and_each_that_it_needs() -> None:
    options = documented_options("module", OF_THE_ROLES)
    uses = list(uses_of(f"tenbyte.webinar.{OF_THE_ROLES}"))
    assert len(uses) >= 4
    required = {name for name, option in options.items() if option.get("required")}
    for use in uses:
        assert required <= set(use) <= set(options)
        state = str(use["state"])
        assert "{{" in state or state in options["state"]["choices"]


@pytest.mark.parametrize("name", SPECS)
def test_every_secret_option_is_kept_out_of_logs(name: str) -> None:
    secret = {option for option in SPECS[name] if re.search(r"key|token|secret|password", option)} - {
        "ledger_key_file",
        "on_missing_key",
        "reveal_stream_key",
        "vault_password_file",
    }
    assert secret == {option for option, spec in SPECS[name].items() if spec.get("no_log")}


@pytest.mark.parametrize("name", SPECS)
def test_shared_options_document_their_variable_and_environment_variable(name: str) -> None:
    options = documented_options("module", name)
    for option in (option for option in SHARED_OPTIONS if option in SPECS[name]):
        described = options[option]["description"]
        text = described if isinstance(described, str) else " ".join(described)
        assert f"C(tenbyte_{option})" in text
        assert f"E({FROM_ENVIRONMENT[option]})" in text


def test_the_lookup_reads_the_same_variables_and_environment_as_the_actions() -> None:
    options = documented_options("lookup", "stream_key")
    assert set(options) == {"_terms", *argument_specs.LEDGER_SPEC}
    for name in argument_specs.LEDGER_SPEC:
        assert [source["name"] for source in options[name]["vars"]] == [f"tenbyte_{name}"]
        assert [source["name"] for source in options[name]["env"]] == [FROM_ENVIRONMENT[name]]


def examples(name: str) -> list[dict[str, Any]]:
    tasks = parsed(plugin("modules", name), "EXAMPLES")
    assert isinstance(tasks, list)
    return tasks


@pytest.mark.parametrize("name", SPECS)
def test_at_least_four_examples_use_the_action(name: str) -> None:
    used = [task for task in examples(name) if f"tenbyte.webinar.{name}" in task]
    assert len(used) >= 4
    assert all(task["name"] for task in examples(name))


def test_at_least_four_examples_show_the_lookup() -> None:
    assert len(parsed(plugin("lookup", "stream_key"), "EXAMPLES")) >= 4


@pytest.mark.parametrize("name", SPECS)
def test_every_example_is_valid_input(name: str) -> None:
    for task in examples(name):
        arguments = task.get(f"tenbyte.webinar.{name}")
        if arguments is None:
            continue
        # A whole list that comes from a variable cannot be checked here.
        lists = {key for key, option in SPECS[name].items() if option["type"] == "list"}
        given = {key: [] if key in lists and isinstance(value, str) else value for key, value in arguments.items()}
        result = ArgumentSpecValidator(SPECS[name]).validate(given)
        assert result.error_messages == [], task["name"]


@pytest.mark.parametrize("name", SPECS)
def test_an_example_with_a_key_has_no_log_and_no_diff(name: str) -> None:
    for task in examples(name):
        if "lookup('tenbyte.webinar.stream_key'" in yaml.safe_dump(task):
            assert (task.get("no_log"), task.get("diff")) == (True, False), task["name"]


@pytest.mark.parametrize("name", ["event", "session"])
def test_a_sessions_result_is_documented_key_by_key(name: str) -> None:
    returned = parsed(plugin("modules", name), "RETURN")
    result = session_result(SessionOutcome("Main stage", None, SessionSpec("Keynote"), None), "Main stage/Keynote")
    assert set(returned["sessions"]["contains"]) - {"stream_key"} == set(result)
    assert returned["sessions"]["contains"]["stream_key"]["returned"] == "with O(reveal_stream_key=true)"
    assert set(returned["sessions"]["sample"][0]) == set(result)
    assert set(returned["sessions"]["sample"][0]["preset"]) == set(result["preset"])
    step = step_result(CreateSession("Main stage", "Keynote", "why", None, SessionSpec("Keynote")))
    assert set(returned["plan"]["contains"]) == set(step)
    assert set(returned["plan"]["sample"][0]) == set(step)


@pytest.mark.parametrize("name", ["event", "session"])
def test_a_result_is_documented_key_by_key(name: str) -> None:
    returned = parsed(plugin("modules", name), "RETURN")
    from_engine = {"changed", "plan", "rooms", "sessions", "failed_sessions", "failed_rooms", "ansible_facts", "diff"}
    assert set(returned) == from_engine | ({"session"} if name == "session" else set())
    assert set(returned["ansible_facts"]["contains"]) >= {"tenbyte_sessions"}


def test_the_results_of_the_info_actions_are_documented_key_by_key() -> None:
    redactor = Redactor()
    room = details.room_details({}, redactor)
    answer = {"id": "s1"}
    session = details.session_details(answer, Session("s1", None, "Keynote", "live"), None)
    beside = {"stream_health", "stream_health_error", "stream_key_available", "stream_key_fingerprint"}
    returned = parsed(plugin("modules", "room_info"), "RETURN")
    assert set(returned) == {"changed", "rooms"}
    assert set(returned["rooms"]["contains"]) == set(returned["rooms"]["sample"][0]) == set(room)
    returned = parsed(plugin("modules", "session_info"), "RETURN")
    assert set(returned) == {"changed", "sessions", "statistics"}
    assert set(returned["sessions"]["contains"]) == set(returned["sessions"]["sample"][0]) == set(session) | beside
    for part in ("preset", "settings"):
        assert set(returned["sessions"]["sample"][0][part]) == set(session[part])
    assert set(returned["statistics"]["contains"]) == set(returned["statistics"]["sample"])


@pytest.mark.parametrize("name", ["room_info", "session_info"])
def test_an_info_action_documents_that_it_has_no_diff(name: str) -> None:
    attributes = documentation("module")[name]["doc"]["attributes"]
    assert (attributes["check_mode"]["support"], attributes["diff_mode"]["support"]) == ("full", "N/A")


def test_the_role_event_has_the_options_of_the_action() -> None:
    role = yaml.safe_load((ROOT / "roles" / "event" / "meta" / "argument_specs.yml").read_text())
    options = role["argument_specs"]["main"]["options"]
    # Connection and ledger are variables tenbyte_NAME, which the lookup reads too. The role has its own option for
    # revealing keys, which does not hide its whole result.
    apart = {*argument_specs.CONNECTION_SPEC, *argument_specs.LEDGER_SPEC, "reveal_stream_key"}
    action = {f"event_{name}": spec for name, spec in SPECS["event"].items() if name not in apart}
    assert options.pop("event_reveal_stream_keys")["default"] is False
    places = "roles/event/meta/argument_specs.yml and plugins/plugin_utils/_ansible/argument_specs.py"
    assert differences(names_in(options, "options"), names_in(action, "options"), places) == []
    # Empty counts as not given; values in the rooms, which often come from tables, are checked by the action alone.
    for name, option in options.items():
        option["choices"] = [choice for choice in option.get("choices") or [] if choice != ""]
        action[name] = {**action[name], "choices": [choice for choice in action[name].get("choices") or [] if choice]}
    del options["event_rooms"], action["event_rooms"]
    assert differences(essence(options, "options"), essence(action, "options"), places) == []


@pytest.mark.parametrize("role", sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir()))
def test_the_defaults_of_a_role_agree_with_its_argument_spec(role: str) -> None:
    folder = ROOT / "roles" / role
    specs = yaml.safe_load((folder / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    options = {name: option for spec in specs.values() for name, option in spec["options"].items()}
    defaults = yaml.safe_load((folder / "defaults" / "main.yml").read_text()) or {}
    assert set(defaults) <= set(options)
    assert {name for name, option in options.items() if "default" in option} <= set(defaults)
    assert not {name for name, option in options.items() if option.get("required")} & set(defaults)
    for name, option in options.items():
        if "default" in option and name in defaults:
            assert option["default"] == defaults[name], name


@pytest.mark.parametrize("name", SPECS)
def test_an_option_that_the_text_refers_to_exists(name: str) -> None:
    known = names_only(SPECS[name], "options")
    for reference in re.findall(r"\bO\(([a-z_\[\].]+)", json.dumps(documentation("module")[name]["doc"])):
        level = known
        for part in reference.replace("[]", "").split("."):
            assert part in level, reference
            level = level[part]
