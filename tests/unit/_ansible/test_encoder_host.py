# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a request with stream keys reaches the host, and that nothing of it stays there."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.shell.sh import ShellModule
from ansible_collections.tenbyte.webinar.plugins.modules.encoder_host_remote import taken
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.encoder_host import (
    EncoderHostAction,
    options_of,
    task_from,
    with_extras,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_convergence import HostProblem

from tests.unit._encoders.answering_host import SETTINGS

KEY = "the-stream-key"


class Action(EncoderHostAction):
    """Runs commands here. ``module`` stands for the module on the host: it gets its arguments."""

    def __init__(self, folder: Path, module: Any) -> None:
        folder.mkdir(mode=0o700)
        shell = ShellModule()
        shell.tmpdir = str(folder)
        self._connection: Any = SimpleNamespace(_shell=shell)
        self._module = module
        self.arguments: list[dict[str, str]] = []

    def _low_level_execute_command(self, cmd: Any, *_arguments: Any, **_options: Any) -> Any:
        done = subprocess.run(["/bin/sh", "-c", cmd], capture_output=True, text=True, check=False)
        return {"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr}

    def _transfer_data(self, remote_path: Any, data: Any) -> Any:
        Path(remote_path).write_text(data)
        return remote_path

    def _fixup_perms2(self, remote_paths: Any, remote_user: Any = None, execute: bool = True) -> Any:
        return remote_paths

    def _execute_module(self, *_arguments: Any, **options: Any) -> dict[str, Any]:
        self.arguments.append(options["module_args"])
        result: dict[str, Any] = self._module(Path(options["module_args"]["request"]))
        return result

    def ask(self, extras: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._ask("converge", {"key": KEY}, {}, {} if extras is None else extras)


def reads_its_request(path: Path) -> dict[str, Any]:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    request, is_gone = taken(str(path))
    assert request == {"key": KEY}
    assert not path.exists()
    return {"taken": is_gone, "changed": True, "invocation": {"module_args": {}}, "warnings": ["w"]}


def does_not_start(_path: Path) -> dict[str, Any]:
    raise AnsibleConnectionFailure("lost")


def has_no_python(_path: Path) -> dict[str, Any]:
    return {"failed": True, "msg": "The module interpreter was not found.", "module_stderr": "a\nsh: 1: not found\n"}


def may_not_remove_it(path: Path) -> dict[str, Any]:
    assert json.loads(path.read_text()) == {"key": KEY}
    return {"taken": False, "changed": True}


def test_the_module_is_sent_a_file_that_nobody_else_can_read_and_removes_it_first(tmp_path: Path) -> None:
    action, extras = Action(tmp_path / "remote", reads_its_request), dict[str, Any]()
    assert action.ask(extras) == {"changed": True}
    assert extras == {"warnings": ["w"]}
    assert KEY not in str(action.arguments)


def test_warnings_of_the_role_and_of_ansible_are_both_in_the_result() -> None:
    first = with_extras({}, {"warnings": ["discovered"], "ansible_facts": {"a": 1}})
    extras = with_extras(first, {"warnings": ["again"]})
    assert with_extras({"warnings": ["not on air"], "changed": True}, extras) == {
        "warnings": ["not on air", "discovered", "again"],
        "ansible_facts": {"a": 1},
        "changed": True,
    }


@pytest.mark.parametrize(
    ("module", "error"),
    [(does_not_start, AnsibleConnectionFailure), (has_no_python, HostProblem), (may_not_remove_it, None)],
)
def test_the_file_is_gone_also_if_the_module_does_not_remove_it(
    tmp_path: Path, module: Any, error: type[Exception] | None
) -> None:
    action = Action(tmp_path / "remote", module)
    if error is None:
        assert action.ask() == {"changed": True}
    else:
        with pytest.raises(error) as raised:
            action.ask()
        assert KEY not in str(raised.value)
        if error is HostProblem:
            assert str(raised.value) == "The module interpreter was not found. sh: 1: not found"
    assert list((tmp_path / "remote").iterdir()) == []


def test_a_temporary_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    action = Action(tmp_path / "remote", reads_its_request)
    (tmp_path / "remote").rmdir()
    with pytest.raises(AnsibleActionFail, match="temporary folder of Ansible"):
        action.ask()


def test_a_request_that_must_not_be_removed_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "request"
    path.write_text("{}")

    def refuse(_path: Path, missing_ok: bool = False) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "unlink", refuse)
    assert taken(str(path)) == ({}, False)


def test_options_that_older_cores_return_as_texts_are_converted() -> None:
    texts = {name: str(value) for name, value in SETTINGS.items() if name.endswith("_timeout") or name == "remove_all"}
    texts["health_look"] = "True"
    given = {"role": "ffmpeg_encoder", "state": "started", "settings": {**SETTINGS, **texts}, "event": {}}
    task = task_from({**given, "by_list": "false", "install": "yes"}, {"inventory_hostname": "enc1"})
    assert (task.settings["start_timeout"], task.settings["remove_all"], task.settings["health_look"]) == (
        30,
        False,
        True,
    )
    assert (task.host, task.hosts, task.by_list, task.install) == ("enc1", [], False, True)


@pytest.mark.parametrize("role", ["ffmpeg_encoder", "rtmp_relay", "obs_encoder"])
def test_the_options_of_a_role_are_those_of_its_argument_spec(role: str) -> None:
    options = options_of(role)
    assert {f"{role}_streams", f"{role}_state", f"{role}_root"} <= options
    assert all(one.startswith((role, "event_")) for one in options)


def test_a_list_is_given_if_it_is_not_the_default_of_the_role() -> None:
    given = {"role": "ffmpeg_encoder", "state": "started", "settings": {}, "event": {}}
    default = "{{ __ffmpeg_encoder_own_streams }}"
    for variables, expected in (({}, False), ({"x": []}, False), ({"ffmpeg_encoder_streams": default}, False)):
        assert task_from(given, {"inventory_hostname": "enc1", **variables}).is_list_given is expected
    values: list[Any] = [[], None, "{{ my_streams }}"]
    for value in values:
        assert task_from(given, {"inventory_hostname": "enc1", "ffmpeg_encoder_streams": value}).is_list_given
