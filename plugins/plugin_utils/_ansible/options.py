# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Fills in the options of actions and lookups, validates them once, and turns them into the engine's settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .._core.errors import InvalidInput
from .._core.user_values import is_empty
from .argument_specs import CONNECTION_SPEC, LEDGER_SPEC
from .option_mistakes import mistakes
from .option_places import of_task
from .option_types import Spec, with_own_types
from .option_values import prepared, prepared_value

# Options that may also come from a variable `tenbyte_NAME` or the environment, for actions and lookups alike.
SHARED_OPTIONS = (*CONNECTION_SPEC, *LEDGER_SPEC)
FROM_ENVIRONMENT = {name: f"TENBYTE_{name.upper()}" for name in SHARED_OPTIONS}
# If the task gives one of the two credentials, the other's variable and environment variable are ignored.
_EITHER = {"api_key": "api_token", "api_token": "api_key"}


def options_from(
    arguments: Mapping[str, Any], spec: Spec, variable: Callable[[str], Any], environment: Mapping[str, str]
) -> dict[str, Any]:
    """Return the validated options of an action or lookup. An option that was not given is None.

    A shared option comes from the arguments, else from the variable, else from the environment. An empty value (null,
    no text, blanks) counts as not given, so the next source is tried. All values have Python's own types. Raise
    InvalidInput with a sentence that names room, session and option, and quotes no secret.
    """
    given = prepared(arguments, spec)
    filled_in, places = _filled_in(given, spec, variable, environment)
    return _validated(filled_in, spec, of_task(given, spec), places)


def _filled_in(
    given: Mapping[str, Any], spec: Spec, variable: Callable[[str], Any], environment: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the options with the shared ones, and by option the name that messages use, such as the variable's."""
    options, places = dict(given), {name: name for name in (*CONNECTION_SPEC, *LEDGER_SPEC)}
    for name_there, value_of in ((_variable_of, variable), (FROM_ENVIRONMENT.__getitem__, environment.get)):
        settled = set(options)
        for name in SHARED_OPTIONS:
            if name not in spec or name in settled or _EITHER.get(name) in settled:
                continue
            value = value_of(name_there(name))
            if not is_empty(value):
                options[name], places[name] = prepared_value(value, name, spec[name]), name_there(name)
    return options, places


def _variable_of(name: str) -> str:
    return f"tenbyte_{name}"


def _validated(options: dict[str, Any], spec: Spec, where: str, places: Mapping[str, str]) -> dict[str, Any]:
    validator = ArgumentSpecValidator(with_own_types(spec))
    try:
        result = validator.validate(options)
    except (AttributeError, TypeError, ValueError):
        # Some versions of ansible-core raise these where a value with suboptions has a wrong type.
        result = None
    if result is None or result.error_messages:
        raise InvalidInput(next(mistakes(options, spec, where, places)))
    validated: dict[str, Any] = result.validated_parameters
    return validated
