# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The lookup ``stream_key``: turns terms and options into session ids and a ledger, and returns keys or an error."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError, AnsibleLookupError

from .._core.errors import InvalidInput, StreamKeyMissing, WebinarError, unexpected_message
from .._core.secrecy import Redactor
from .._core.user_values import is_empty
from .._operations.stream_keys import previewed_stream_keys_of, stream_keys_of
from .action_base import show_frames
from .argument_specs import LEDGER_SPEC
from .ledger_location import ledger_settings_from
from .options import options_from
from .plain_values import is_undefined, plain
from .visibility import mask_on_newer_cores


def look_up(
    terms: Sequence[Any],
    variables: Mapping[str, Any],
    given: Mapping[str, Any],
    template: Callable[[Any], Any],
    display: Any,
) -> list[str]:
    """Return the stream keys of the sessions that ``terms`` name, in their order.

    ``template`` evaluates one of the ``variables``. Raise AnsibleLookupError for every error, because a traceback could
    quote a key.
    """
    message, keys, redactor = None, list[str](), Redactor()
    try:
        keys = _keys(terms, variables, plain(given), template, redactor)
    except WebinarError as error:
        message = redactor.text(str(error))
    except AnsibleError:
        raise
    except Exception as error:  # noqa: BLE001 - an internal error
        show_frames(display, error)
        message = unexpected_message(error)
    if message is not None:
        # Raised outside the handlers, so that Ansible does not show the original error with it.
        raise AnsibleLookupError(message)
    mask_on_newer_cores([*keys, *redactor.known()])
    return keys


def _keys(
    terms: Sequence[Any],
    variables: Mapping[str, Any],
    given: Mapping[str, Any],
    template: Callable[[Any], Any],
    redactor: Redactor,
) -> list[str]:
    def variable(name: str) -> Any:
        return plain(template(variables[name])) if name in variables else None

    options = options_from(given, LEDGER_SPEC, variable, os.environ)
    settings = ledger_settings_from(options, os.environ)
    ids = session_ids_from(_defined(terms))
    if variables.get("ansible_check_mode"):
        return previewed_stream_keys_of(settings, ids, lambda: _going_live(variables), redactor)
    return stream_keys_of(settings, all_given(ids), redactor)


def _defined(terms: Any) -> Any:
    """Return terms as plain values. Raise InvalidInput for an undefined one, which older versions of core pass on."""
    if isinstance(terms, (list, tuple)):
        return [_defined(term) for term in terms]
    if is_undefined(terms):
        raise InvalidInput("stream_key: a session id is not defined. Was the task skipped that creates the session?")
    return plain(terms)


def session_ids_from(terms: Iterable[Any]) -> list[str | None]:
    """Return the ids of a lookup's terms, which may be lists of ids. An empty id becomes None."""
    ids: list[str | None] = []
    for term in terms:
        if isinstance(term, (list, tuple)):
            ids += session_ids_from(term)
        elif isinstance(term, Mapping):
            raise InvalidInput("stream_key: a mapping was given. Give the session's id, such as made.session.id.")
        else:
            ids.append(None if is_empty(term) else str(term).strip())
    return ids


def all_given(session_ids: Sequence[str | None]) -> list[str]:
    """Return the ids; raise StreamKeyMissing where one is empty."""
    given = [session_id for session_id in session_ids if session_id is not None]
    if len(given) < len(session_ids):
        place = f" number {session_ids.index(None) + 1} of {len(session_ids)}" if len(session_ids) > 1 else ""
        raise StreamKeyMissing(
            f"stream_key: the session id{place} is empty. A session that was only previewed, by a task with "
            "check_mode, has no id yet and no stream key; one that failed has none either. Create it first, or leave "
            "it out."
        )
    return given


def _going_live(variables: Mapping[str, Any]) -> set[str]:
    """Return the ids, in lower case, of the live sessions in the facts of this host and of localhost.

    A preview's facts count too: they contain the sessions that a real run would put on air.
    """
    known = [variables, (variables.get("hostvars") or {}).get("localhost") or {}]
    found: set[str] = set()
    for host in known:
        facts = host.get("ansible_facts") or {}
        preview = facts.get("tenbyte_preview") or {}
        for sessions in (facts.get("tenbyte_sessions") or {}, preview.get("sessions") or {}):
            found |= {str(one["id"]).lower() for one in sessions.values() if one.get("status") == "live" and one["id"]}
    return found
