# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The base of the actions: reads the task's options, calls the engine, and returns a result or an error message."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

try:
    from .._core.errors import WebinarError, frames_of, unexpected_message
    from .._core.plain_text import one_line
    from .._core.secrecy import Redactor
    from .environment import honoured, in_force
    from .options import options_from
    from .plain_values import plain
    from .visibility import mask_on_newer_cores, warnings_of_cached_credentials
    from .worker_process import end_with_parent
except ImportError as error:
    MISSING_LIBRARY: str | None = error.name or str(error)
else:
    MISSING_LIBRARY = None

# What an action does: it takes the task's options and returns the result.
Work = Callable[[Mapping[str, Any], "Redactor"], dict[str, Any]]


class WebinarAction(ActionBase):
    """Base of the actions. Each of them adds only its options and the function that does its work."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False
    _supports_diff = True
    # The library that this action needs and does not find.
    missing_library: ClassVar[str | None] = MISSING_LIBRARY

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check that the Python libraries are installed. An action imports the engine only after this."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self.missing_library is not None:
            raise AnsibleActionFail(missing_library_message(self.missing_library))
        return result

    def answer(self, task_vars: dict[str, Any], argument_spec: Mapping[str, Any], work: Work) -> dict[str, Any]:
        """Return the result of ``work`` for the task's options. An error becomes a failed result, not a traceback."""

        def done(redactor: Redactor) -> dict[str, Any]:
            return work(
                options_from(plain(self._task.args), argument_spec, self._variable_of(task_vars), os.environ), redactor
            )

        end_with_parent()
        return self.guarded(task_vars, done)

    def guarded(self, task_vars: dict[str, Any], work: Callable[[Redactor], dict[str, Any]]) -> dict[str, Any]:
        """Return the result of ``work``, with the task's environment in force."""
        redactor = Redactor()
        try:
            environment = self._environment_of_the_task()
            redactor = self._redactor_for(environment)
            with libraries_needed(), in_force(environment):
                result = work(redactor)
        except WebinarError as error:
            result = _failure(redactor.text(str(error)))
        except AnsibleError:
            raise
        except Exception as error:  # noqa: BLE001 - an internal error: its traceback could quote a secret
            show_frames(self._display, error)
            result = _failure(unexpected_message(error))
        finally:
            mask_on_newer_cores(redactor.known())
        if not self._task.diff:
            result.pop("diff", None)
        return _as_printed(result, warnings_of_cached_credentials(task_vars))

    def _redactor_for(self, environment: Mapping[str, str]) -> Redactor:  # noqa: ARG002 - other actions need it
        return Redactor()

    def _environment_of_the_task(self) -> dict[str, str]:
        """Return what the keyword ``environment`` sets. A task's value overrides its block's, and that its play's."""
        given = self._task.environment
        return honoured(plain(self._templar.template(one)) for one in (given if isinstance(given, list) else [given]))

    def _variable_of(self, task_vars: dict[str, Any]) -> Callable[[str], Any]:
        return lambda name: plain(self._templar.template(task_vars[name])) if name in task_vars else None


def _failure(message: str) -> dict[str, Any]:
    return {"failed": True, "changed": False, "msg": message}


def _as_printed(result: dict[str, Any], more_warnings: list[str]) -> dict[str, Any]:
    """Return the result with its message and each warning on one line, because Ansible prints them as they are."""
    warnings = [*result.get("warnings", []), *more_warnings]
    if warnings:
        result["warnings"] = [one_line(warning) for warning in warnings]
    if "msg" in result:
        result["msg"] = one_line(result["msg"])
    return result


def show_frames(display: Any, error: BaseException) -> None:
    """Print the frames of an internal error at -vvv: files and lines only, because values could be secret."""
    for frame in frames_of(error):
        display.vvv(f"tenbyte.webinar: {frame}")


@contextmanager
def libraries_needed(failure: type[AnsibleError] = AnsibleActionFail) -> Iterator[None]:
    """Raise ``failure`` with the way to install it where an import in the block misses a library."""
    try:
        yield
    except ImportError as error:
        raise failure(missing_library_message(error.name or str(error))) from None


def missing_library_message(name: str) -> str:
    return (
        f"tenbyte.webinar needs the Python library '{name}' on the controller, in the Python that runs Ansible. "
        "Install what meta/ee-requirements.txt of the collection lists."
    )
