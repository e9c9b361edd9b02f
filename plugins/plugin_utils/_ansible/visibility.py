# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Keeps Ansible itself from showing secrets: by masking, in the results of loops, and in cached facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible import constants
from ansible.release import __version__ as core_version

from .._core.errors import InvalidInput
from .environment import CREDENTIALS


def mask_on_newer_cores(values: Sequence[str]) -> None:
    """Register values with ansible-core's own masking, which versions before 2.22 do not have."""
    try:
        from ansible.module_utils.secrets import register_secret
    except ImportError:
        return
    for value in values:
        register_secret(value)


def is_loop(task: Any) -> bool:
    return task.loop is not None or bool(task.loop_with)


def refuse_to_reveal_in_a_loop(task: Any) -> None:
    """Raise InvalidInput where Ansible would show revealed stream keys.

    Up to ansible-core 2.18, callbacks receive the result of a whole loop, including the items that were hidden.
    """
    hides_items_only = tuple(int(part) for part in core_version.split(".")[:2]) < (2, 19)
    if is_loop(task) and hides_items_only and not task.no_log:
        raise InvalidInput(
            f"reveal_stream_key in a loop would show the stream keys to callbacks on ansible-core {core_version}. "
            "Add no_log: true to the task, or use tenbyte.webinar.event without a loop."
        )


def warnings_of_cached_credentials(task_vars: Mapping[str, Any]) -> list[str]:
    """Return a warning where the fact cache stores a credential of the host's environment."""
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
