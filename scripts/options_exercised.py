# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage: options_exercised.py FOLDER. Lists every option of an action that no integration test has used.

FOLDER contains the files that the integration tests wrote: a line ACTION OPTION for each option of a successful task.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible import argument_specs

ROOT = Path(__file__).resolve().parents[1]


def option_names(spec: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, option in spec.items():
        yield f"{prefix}{name}"
        yield from option_names(option.get("options", {}), f"{prefix}{name}.")


def spec_of(action: str) -> Mapping[str, Any]:
    # LEDGER_SPEC has the options that every action takes. The spec of the action ledger is LEDGER_ACTION_SPEC.
    names = (f"{action.upper()}_ACTION_SPEC", f"{action.upper()}_SPEC")
    found = (getattr(argument_specs, name, None) for name in names)
    spec: Mapping[str, Any] = next(spec for spec in found if spec)
    return spec


def main() -> int:
    exercised = {line for file in Path(sys.argv[1]).glob("*.txt") for line in file.read_text().splitlines()}
    if not exercised:
        print(f"{sys.argv[1]} holds nothing: run the integration tests first")
        return 2
    # Those that users use; the roles have one of their own.
    actions = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]["all"]
    asked = [f"tenbyte.webinar.{action} {option}" for action in actions for option in option_names(spec_of(action))]
    missing = [line for line in asked if line not in exercised]
    for line in missing:
        print(f"not exercised by any integration test: {line}")
    print(f"{len(asked) - len(missing)} of {len(asked)} options of {len(actions)} actions are exercised")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
