# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The action ``ledger``: turns its options into an operation, and what that returns into a result."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .._core.errors import InvalidInput
from .._core.secrecy import Redactor
from .._core.user_values import checked_uuid
from .._operations.export_file import ExportFile
from .._operations.ledger_maintenance import LedgerMaintenance
from . import ledger_results
from .connection_options import connection_from
from .ledger_location import ledger_settings_from
from .paths import absolute
from .vault_text import vault_from

# The options of each operation, besides those of the connection and the ledger.
_OPTIONS = {
    "list": (),
    "verify": (),
    "forget": ("session_ids", "entries"),
    "rotate": (),
    "export": ("path", "vault_password", "vault_password_file"),
    "import": ("path", "vault_password", "vault_password_file"),
}


def maintain(options: Mapping[str, Any], redactor: Redactor, *, check_mode: bool) -> dict[str, Any]:
    """Return the result of the action ``ledger``, with fingerprints in place of keys.

    Raise InvalidInput or LedgerError where the operation cannot be completed. Nothing has changed then.
    """
    redactor.learn(options.get("vault_password"))
    _refuse_other_options(options)
    maintenance = LedgerMaintenance(ledger_settings_from(options, os.environ), redactor, check_mode)
    result = _result(options, maintenance)
    warnings = [*maintenance.notes, *result.get("warnings", ())]
    shown: dict[str, Any] = redactor.value({**result, **({"warnings": warnings} if warnings else {})})
    return shown


def _result(options: Mapping[str, Any], maintenance: LedgerMaintenance) -> dict[str, Any]:
    match options["operation"]:
        case "list":
            return ledger_results.listed(maintenance.entries())
        case "verify":
            connection = connection_from(options, maintenance.redactor)
            return ledger_results.checked(maintenance.check(connection), connection.api_url)
        case "forget":
            session_ids = {checked_uuid(one, "session_ids") or "" for one in options.get("session_ids") or []}
            return ledger_results.forgotten(maintenance.forget(session_ids, set(options.get("entries") or [])))
        case "rotate":
            return ledger_results.rotated(maintenance.rotate_key())
        case "export":
            file = _export_file(options)
            return ledger_results.exported(maintenance.export(file), file.path)
        case _:
            return ledger_results.imported(maintenance.import_from(_export_file(options)))


def _refuse_other_options(options: Mapping[str, Any]) -> None:
    operation = options["operation"]
    known = {name for names in _OPTIONS.values() for name in names}
    for name in sorted(known - set(_OPTIONS[operation])):
        if options.get(name):
            raise InvalidInput(f"{name} is no option of operation {operation}. Leave it out.")
    if operation == "forget" and not (options.get("session_ids") or options.get("entries")):
        raise InvalidInput("operation forget needs session_ids or entries: what is to be forgotten.")


def _export_file(options: Mapping[str, Any]) -> ExportFile:
    """Return the file of an export. A file to import is read here, so that its errors are found first."""
    operation = options["operation"]
    if not options.get("path"):
        raise InvalidInput(f"path is missing: the file of the {operation}.")
    vault = vault_from(options.get("vault_password") or None, options.get("vault_password_file") or None)
    file = ExportFile(absolute(str(options["path"]), "path"), vault)
    if operation == "import" and file.rows is None:
        raise InvalidInput(f"path {file.path} does not exist. Name a file that operation export wrote.")
    return file
