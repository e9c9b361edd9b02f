# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Runs an action of Ansible's on the engine: with vault_text, all below the plugins themselves that knows Ansible."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from ansible import constants, context
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.release import __version__ as core_version
from jinja2 import Undefined

try:
    from .._core.errors import InvalidInput, WebinarError, frames_of, unexpected_message
    from .._core.model import EventSpec
    from .._core.plain_text import one_line
    from .._core.secrecy import Redactor
    from .._ledger.lease_owner import name_of_process
    from .._reconcile.ensure import ensure
    from . import facts
    from .environment import CREDENTIALS, in_force, merged
    from .given import options_from
    from .options import connection_from, ledger_settings_from, with_shared_options
    from .results import event_result
except ImportError as error:
    MISSING_LIBRARY: str | None = error.name or str(error)
else:
    MISSING_LIBRARY = None


class WebinarAction(ActionBase):
    """Base of the actions: each says only its options, and what reads and answers them."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False
    _supports_diff = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Prepare the run; an action imports the engine only after this has found that its libraries are there."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if MISSING_LIBRARY is not None:
            raise AnsibleActionFail(missing_library_message(MISSING_LIBRARY))
        return result

    def reconcile(
        self,
        task_vars: dict[str, Any],
        argument_spec: Mapping[str, Any],
        asked_from: Callable[[Mapping[str, Any]], EventSpec],
        *,
        whole: bool = False,
    ) -> dict[str, Any]:
        """Make the service match what the task asks for, and return the action's result.

        ``whole``: what the task names of a room is all that is asked for in it.
        """

        def work(options: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
            connection = connection_from(options, redactor)
            ledger_settings = ledger_settings_from(options, os.environ)
            asked = asked_from(options)
            self._refuse_to_reveal_in_a_loop(options)
            outcome = ensure(connection, ledger_settings, asked, redactor, check_mode=self._task.check_mode)
            # Ansible forks a worker for each task; what all tasks of a run share is the worker's parent.
            run = name_of_process(os.getppid())
            reveal = bool(options.get("reveal_stream_key"))
            return event_result(
                outcome,
                redactor,
                facts_before=_facts_before(task_vars),
                run=run,
                reveal=reveal,
                check_mode=self._task.check_mode,
                may_change_facts=_is_preview_of_all(),
                whole=whole,
            )

        return self.answer(task_vars, argument_spec, work)

    def answer(
        self,
        task_vars: dict[str, Any],
        argument_spec: Mapping[str, Any],
        work: Callable[[Mapping[str, Any], Redactor], dict[str, Any]],
    ) -> dict[str, Any]:
        """Return what ``work`` makes of the task's options, the shared ones filled in.

        Every error becomes a failed result with one sentence, never a traceback.
        """
        redactor = Redactor()
        try:
            with in_force(self._environment_of_the_task()):
                given = options_from(plain(self._task.args), argument_spec)
                options = with_shared_options(given, self._variable_of(task_vars), os.environ)
                result = work(options, redactor)
        except WebinarError as error:
            result = _failure(redactor.text(str(error)))
        except AnsibleError:
            raise
        except Exception as error:  # noqa: BLE001 - a mistake of ours: even then no traceback, which could quote a secret
            show_frames(self._display, error)
            result = _failure(unexpected_message(error))
        finally:
            mask_on_newer_cores(redactor.known())
        if not self._task.diff:
            result.pop("diff", None)
        warnings = [*result.get("warnings", []), *_warnings_of_cached_credentials(task_vars)]
        if warnings:
            # These two are printed as they are, where the rest of a result is printed as JSON.
            result["warnings"] = [one_line(warning) for warning in warnings]
        if "msg" in result:
            result["msg"] = one_line(result["msg"])
        return result

    def _environment_of_the_task(self) -> dict[str, str]:
        """Return what the keyword ``environment`` sets: the task's goes over its block's, and that over its play's."""
        given = self._task.environment
        layers = [plain(self._templar.template(layer)) for layer in (given if isinstance(given, list) else [given])]
        for layer in layers:
            if layer and not isinstance(layer, dict):
                raise InvalidInput("environment is no mapping. Give names with values, such as {TENBYTE_API_KEY: …}.")
        return merged(layer for layer in layers if layer)

    def _refuse_to_reveal_in_a_loop(self, options: Mapping[str, Any]) -> None:
        """Raise InvalidInput where Ansible would show the keys all the same.

        Up to ansible-core 2.18, the result of a whole loop reaches callbacks with all that its items hid.
        """
        is_loop = self._task.loop is not None or bool(self._task.loop_with)
        hides_items_only = tuple(int(part) for part in core_version.split(".")[:2]) < (2, 19)
        if options.get("reveal_stream_key") and is_loop and hides_items_only and not self._task.no_log:
            raise InvalidInput(
                f"reveal_stream_key in a loop would show the stream keys to callbacks on ansible-core {core_version}. "
                "Add no_log: true to the task, or use tenbyte.webinar.event without a loop."
            )

    def _variable_of(self, task_vars: dict[str, Any]) -> Callable[[str], Any]:
        return lambda name: plain(self._templar.template(task_vars[name])) if name in task_vars else None


def _facts_before(task_vars: Mapping[str, Any]) -> dict[str, Any]:
    all_facts = task_vars.get("ansible_facts") or {}
    # Within a loop, core hands the facts of the items before to the next one nested a level too deep.
    newest = all_facts.get("ansible_facts") or all_facts
    before: dict[str, Any] = plain({name: newest.get(name) for name in facts.ALL})
    return before


def _is_preview_of_all() -> bool:
    """Say whether a preview may leave the facts of a real run: nothing real runs, and nothing of it lasts."""
    return bool(context.CLIARGS.get("check")) and getattr(constants, "CACHE_PLUGIN", None) == "memory"


def _warnings_of_cached_credentials(task_vars: Mapping[str, Any]) -> list[str]:
    """Return a warning where gathering facts has put a credential into a cache that others may read."""
    environment = (task_vars.get("ansible_facts") or {}).get("env")
    plugin = str(constants.config.get_config_value("CACHE_PLUGIN"))
    if not isinstance(environment, Mapping) or plugin.rpartition(".")[2] == "memory":
        return []
    cached = [name for name in CREDENTIALS if environment.get(name)]
    if not cached:
        return []
    warning = (
        f"{' and '.join(cached)} of this host's environment {'is' if len(cached) == 1 else 'are'} among its facts, and "
        f"the fact cache ({plugin}) keeps facts in clear. Set gather_facts: false for the play, or gather_subset: "
        "'!env' where facts are needed; empty the cache with --flush-cache, and change what others could read there."
    )
    return [warning]


def show_frames(display: Any, error: BaseException) -> None:
    """Show, at -vvv, the way to a mistake of our own: places only, no values."""
    for frame in frames_of(error):
        display.vvv(f"tenbyte.webinar: {frame}")


def is_undefined(value: Any) -> bool:
    return isinstance(value, Undefined)


def plain(value: Any) -> Any:
    """Return the value in Python's own types: Ansible's strings may be subclasses that carry tags or vault text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, date):
        # A date, or a date and time, that was written without quotes.
        return value.isoformat()
    # Up to ansible-core 2.18, str() of text marked unsafe is still the subclass.
    return str.__str__(str(value))


def mask_on_newer_cores(values: list[str]) -> None:
    """Register values with ansible-core's own masking, which versions before 2.22 do not have."""
    try:
        from ansible.module_utils.secrets import register_secret
    except ImportError:
        return
    for value in values:
        register_secret(value)


def missing_library_message(name: str) -> str:
    return (
        f"tenbyte.webinar needs the Python library '{name}' on the controller, in the Python that runs Ansible. "
        "Install what requirements.txt of the collection lists."
    )


def _failure(message: str) -> dict[str, Any]:
    return {"failed": True, "changed": False, "msg": message}
