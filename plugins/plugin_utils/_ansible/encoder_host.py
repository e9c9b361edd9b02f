# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The action encoder_host: the task's options in, a module on the host that is sent requests, and the result out."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import yaml
from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean

from .action_base import MISSING_LIBRARY as _MISSING
from .action_base import WebinarAction

try:
    from .._core.errors import InvalidInput
    from .._core.secrecy import Redactor
    from .._encoders.host_convergence import HostProblem, bring
    from .._encoders.host_task import HostTask, mistyped_options
    from .plain_values import plain
    from .stream_key_lookup import look_up
except ImportError as error:
    MISSING_LIBRARY: str | None = _MISSING or error.name or str(error)
else:
    MISSING_LIBRARY = _MISSING

MODULE = "tenbyte.webinar.encoder_host_remote"
_ROLES = Path(__file__).parents[3] / "roles"
_TRUTH_VALUES = ("remove_all", "health_look", "health_slate", "health_idle", "start", "by_list", "install")
# What Ansible itself adds to a module's result, and what it needs in that of the action.
_OF_ANSIBLE = ("ansible_facts", "warnings", "deprecations")


class EncoderHostAction(WebinarAction):
    """Brings all streams of a host to what its role asks for."""

    _requires_connection = True
    missing_library: ClassVar[str | None] = MISSING_LIBRARY

    def bring(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        extras: dict[str, Any] = {}

        def ask(mode: str, request: Mapping[str, Any]) -> dict[str, Any]:
            return self._ask(mode, request, task_vars, extras)

        def keys_of(session_ids: Sequence[str]) -> list[str]:
            variables = {**task_vars, "ansible_check_mode": self._task.check_mode}
            return look_up(session_ids, variables, {}, self._templar.template, self._display)

        def work(redactor: Redactor) -> dict[str, Any]:
            task = task_from(plain(self._task.args), task_vars)
            mistyped = mistyped_options(task.role, task_vars, options_of(task.role))
            if mistyped:
                extras["warnings"] = mistyped
            try:
                return with_extras(bring(task, ask, keys_of, check_mode=self._task.check_mode), extras)
            except HostProblem as problem:
                result = {"changed": False, **problem.result, "failed": True, "msg": str(problem)}
                return with_extras(result, extras)
            except InvalidInput as error:
                # The mistyped option may be why.
                return with_extras({"changed": False, "failed": True, "msg": redactor.text(str(error))}, extras)

        return self.guarded(task_vars, work)

    def _ask(
        self, mode: str, request: Mapping[str, Any], task_vars: dict[str, Any], extras: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the result of the module for a request.

        A request may hold stream keys, so it is not among the module's arguments, which Ansible shows and can leave on
        the host. It is in a file of its own, which nobody else can read and which the module removes at once.
        """
        shell = self._connection._shell  # noqa: SLF001 - Ansible's own name
        if shell.tmpdir is None:
            self._make_tmp_path()
        path = shell.join_path(shell.tmpdir, f"request-{secrets.token_hex(8)}")
        is_taken = False
        try:
            made = self._low_level_execute_command(f"umask 077; : > {shell.quote(path)}", sudoable=False)
            if made["rc"] != 0:
                raise AnsibleActionFail(f"The temporary folder of Ansible on the host cannot be used: {made['stderr']}")
            self._transfer_data(path, json.dumps(request))
            self._fixup_perms2([shell.tmpdir, path], execute=False)
            arguments = {"mode": mode, "request": path}
            result = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)
            is_taken = result.pop("taken", False)
        finally:
            # Also where the module did not start, or must not remove files from the folder of Ansible's own user.
            if not is_taken:
                self._low_level_execute_command(shell.remove(path), sudoable=False)
        more = {name: result.pop(name) for name in _OF_ANSIBLE if name in result}
        extras.update(with_extras(extras, more))
        if result.get("failed"):
            raise HostProblem(_failure_of_module(result), {})
        result.pop("invocation", None)
        return dict(result)


def with_extras(result: Mapping[str, Any], extras: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result with what Ansible has added to another: facts, and its warnings after those that are there."""
    joined = {name: [*result[name], *value] for name, value in extras.items() if isinstance(result.get(name), list)}
    return {**result, **extras, **joined}


def options_of(role: str) -> set[str]:
    """Return the options of a role of the collection, of all its entry points."""
    text = (_ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    entries = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["argument_specs"]  # noqa: S506 - both are safe
    return {name for entry in entries.values() for name in entry.get("options", {})}


def task_from(given: Mapping[str, Any], task_vars: Mapping[str, Any]) -> HostTask:
    """Return what the task asks for. Its options come from a role of the collection, which has checked their types.

    Up to ansible-core 2.18, a template returns numbers as texts.
    """
    settings = {name: int(value) if name.endswith("_timeout") else value for name, value in given["settings"].items()}
    settings |= {name: boolean(settings[name]) for name in _TRUTH_VALUES if name in settings}
    return HostTask(
        role=given["role"],
        host=str(task_vars["inventory_hostname"]),
        hosts=list((task_vars.get("groups") or {}).get("all", ())),
        state=given["state"],
        settings=settings,
        event=given["event"],
        streams=given.get("streams"),
        by_list=boolean(given.get("by_list", False)),
        service_manager=given.get("service_manager") or "",
        contents=given.get("contents") or {},
        further_units=given.get("further_units") or (),
        install=boolean(given.get("install", False)),
        is_list_given=_is_list_given(given["role"], task_vars),
    )


def _is_list_given(role: str, task_vars: Mapping[str, Any]) -> bool:
    """Return whether the user has set the list of streams. Variables of a task are templates, as is the default."""
    option = f"{role}_streams"
    return option in task_vars and f"__{role}_own_streams" not in str(task_vars[option])


def _failure_of_module(result: Mapping[str, Any]) -> str:
    """Return why the module could not run, such as for want of a Python, in a sentence."""
    said = str(result.get("module_stderr") or "").strip().splitlines()
    return " ".join([str(result.get("msg") or "The module did not run."), *said[-1:]])[:500]
