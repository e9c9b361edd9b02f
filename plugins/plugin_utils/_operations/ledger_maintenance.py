# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The operations of the action ``ledger``: what the ledger holds, whether that is so, and how to keep it in order."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from .._ansible.event_options import checked_uuid
from .._ansible.ledger_results import checked_entry, diff, entry, kept_entry, texts_diff
from .._ansible.options import connection_from, ledger_settings_from
from .._ansible.paths import absolute
from .._ansible.vault_text import vault_from
from .._core.errors import InvalidInput, LedgerError
from .._core.secrecy import Redactor
from .._ledger import keys, location, rotation
from .._ledger.lease_owner import new_owner
from .._ledger.location import LedgerSettings
from .._ledger.schema import slots, stored_meta
from .._ledger.store import Ledger, Row, open_ledger
from .._service.api import WebinarApi
from .._service.transport import Transport
from .export_file import ExportFile
from .ledger_check import IN_ORDER, check_ledger
from .ledger_transfer import Change, Kept, changes, exported, take_in

# What each operation takes beside the connection and the ledger, and whether it writes to the ledger.
_OPTIONS = {
    "list": (),
    "verify": (),
    "forget": ("session_ids", "entries"),
    "rotate": (),
    "export": ("path", "vault_password", "vault_password_file"),
    "import": ("path", "vault_password", "vault_password_file"),
}
_WRITING = ("forget", "rotate", "import")


@dataclass(frozen=True)
class _Run:
    options: Mapping[str, Any]
    settings: LedgerSettings
    redactor: Redactor
    check_mode: bool
    ledger: Ledger | None
    file: ExportFile | None

    def existing(self) -> Ledger:
        if self.ledger is None:
            raise LedgerError(
                f"ledger_url: there is no ledger at {location.shown(self.settings)} yet. Name the ledger that "
                "the sessions were created with."
            )
        return self.ledger

    def named_file(self) -> ExportFile:
        if self.file is None:
            raise InvalidInput("path is missing.")
        return self.file


def keep_in_order(options: Mapping[str, Any], redactor: Redactor, *, check_mode: bool) -> dict[str, Any]:
    """Return the result of the action ``ledger``, which holds fingerprints only.

    Raise InvalidInput or LedgerError, with nothing changed, where the operation cannot be done as a whole.
    """
    redactor.learn(options.get("vault_password"))
    operation = options["operation"]
    _refuse_other_options(operation, options)
    settings = ledger_settings_from(options, os.environ)
    file = _export_file(operation, options) if "path" in _OPTIONS[operation] else None
    writable = operation in _WRITING and not check_mode
    if location.is_file(settings):
        # Without a home folder there is no ledger at the default place to look after.
        location.database_file(settings)
    ledger = None
    if operation == "import" or location.may_exist(settings):
        ledger = open_ledger(settings, redactor, new_owner(), writable=writable)
    run = _Run(options, settings, redactor, check_mode, ledger, file)
    work = {
        "list": _list,
        "verify": _verify,
        "forget": _forget,
        "rotate": _rotate,
        "export": _export,
        "import": _import,
    }[operation]
    try:
        result = work(run)
    finally:
        if ledger is not None:
            ledger.close()
    warnings = [*(ledger.notes if ledger is not None else ()), *result.get("warnings", ())]
    shown: dict[str, Any] = redactor.value({**result, **({"warnings": warnings} if warnings else {})})
    return shown


def _refuse_other_options(operation: str, options: Mapping[str, Any]) -> None:
    known = {name for names in _OPTIONS.values() for name in names}
    for name in sorted(known - set(_OPTIONS[operation])):
        if options.get(name):
            raise InvalidInput(f"{name} is no option of operation {operation}. Leave it out.")
    if operation == "forget" and not (options.get("session_ids") or options.get("entries")):
        raise InvalidInput("operation forget needs session_ids or entries: what is to be forgotten.")
    for session_id in options.get("session_ids") or []:
        checked_uuid(session_id, "session_ids")


def _export_file(operation: str, options: Mapping[str, Any]) -> ExportFile:
    """Return the file, which has been read if it exists: what is wrong with it is found before the ledger is opened."""
    if not options.get("path"):
        raise InvalidInput(f"path is missing: the file of the {operation}.")
    vault = vault_from(options.get("vault_password") or None, options.get("vault_password_file") or None)
    file = ExportFile(absolute(str(options["path"]), "path"), vault)
    if operation == "import" and file.entries is None:
        raise InvalidInput(f"path {file.path} does not exist. Name a file that operation export wrote.")
    return file


def _list(run: _Run) -> dict[str, Any]:
    rows = run.ledger.entries() if run.ledger else []
    return {"changed": False, "entries": [entry(row) for row in rows]}


def _verify(run: _Run) -> dict[str, Any]:
    connection = connection_from(run.options, run.redactor)
    rows = run.ledger.entries() if run.ledger else []
    with closing(Transport(connection, run.redactor)) as transport:
        checked = check_ledger(WebinarApi(transport), rows, connection.concurrency)
    summary = Counter(one.finding for one in checked)
    return {
        "changed": False,
        "entries": [checked_entry(one, connection.api_url) for one in checked],
        "summary": dict(sorted(summary.items())),
        "in_order": all(finding in IN_ORDER for finding in summary),
    }


def _forget(run: _Run) -> dict[str, Any]:
    ids = {checked_uuid(session_id, "session_ids") for session_id in run.options.get("session_ids") or []}
    numbers = set(run.options.get("entries") or [])

    def is_meant(row: Row) -> bool:
        return row.id in numbers or (row.slot.kind == "session" and (row.object_id or "").lower() in ids)

    meant = [row for row in (run.ledger.entries() if run.ledger else []) if is_meant(row)]
    for row in meant:
        if row.leased:
            raise InvalidInput(
                f"entry {row.id}, '{row.slot.title}': another run is just creating it. Run again when that has ended."
            )
    if meant and run.ledger is not None and not run.check_mode:
        run.ledger.forget([row.id for row in meant])
    before = [entry(row) for row in meant]
    return {"changed": bool(meant), "entries": before, "diff": diff(before, [])}


def _rotate(run: _Run) -> dict[str, Any]:
    ledger = run.existing()
    path = None if run.settings.key else location.key_file(run.settings)
    stored = ledger.look(stored_meta)
    if rotation.is_replaced(ledger.keys, stored):
        raise LedgerError(
            f"The ledger's key was changed on another controller. {ledger.notes[-1] if ledger.notes else ''} Then run "
            "again, if you want another change."
        )
    if run.check_mode:
        makes_one = path is not None and not rotation.is_under_way(ledger.keys, stored)
        to_come = [rotation.new_key(run.redactor)] if makes_one else ledger.keys
        count = ledger.look(lambda connection: rotation.count_of_others(connection, to_come))
    else:
        count = _change_key(run, ledger, path)
    return {
        "changed": count > 0,
        "entries": [],
        "rotated": count,
        "diff": texts_diff(f"{count} entries with an older key\n", "0 entries with an older key\n") if count else {},
        "warnings": [_about_old_keys(path, run.settings)] if count and path is not None else [],
    }


def _change_key(run: _Run, ledger: Ledger, path: Path | None) -> int:
    in_file, counts = list[str](), [0]

    def rotate(connection: sa.Connection, now: float) -> None:
        stored, keys = stored_meta(connection), list(ledger.keys)
        if path is not None:
            # Once: an attempt whose acknowledgement was lost may have committed what it did with the new key.
            in_file[:] = in_file or rotation.keys_to_change_to(path, keys, stored, run.redactor)
            keys = [*in_file, *(key for key in keys if key not in in_file)]
        has_copies = path is not None and run.settings.key_file is not None
        counts.append(rotation.rotate(connection, keys, stored, run.redactor, now, has_copies=has_copies))

    ledger.commit(rotate)
    # An attempt whose acknowledgement was lost has done the work, and the one after it found nothing to do.
    return max(counts)


def _about_old_keys(path: Path, settings: LedgerSettings) -> str:
    others = keys.others_that_read(path, settings)
    reason = f", because it may be read by {others}" if others else ""
    return (
        f"{path} keeps the old key after the new one{reason}. Copies of the file, on other "
        "controllers and in safe places, need the new key too. When nothing needs the old one any more, take it out of "
        "the file by hand."
    )


def _export(run: _Run) -> dict[str, Any]:
    ledger = run.existing()
    rows = ledger.entries()
    damaged = [str(row.id) for row in rows if row.damaged]
    if damaged:
        raise LedgerError(
            f"The ledger's entries {', '.join(damaged)} cannot be read, so an export would lack their keys. Forget "
            "them (operation: forget), or give the key that they were written with."
        )
    before, after = run.named_file().entries, exported(rows)
    if before != after and not run.check_mode:
        run.named_file().write(after)
    shown = [kept_entry(kept, ledger) for kept in after]
    shown_before = [kept_entry(kept, ledger) for kept in before or []]
    return {"changed": before != after, "entries": shown, "diff": diff(shown_before, shown, str(run.named_file().path))}


def _import(run: _Run) -> dict[str, Any]:
    entries, ledger = run.named_file().entries or [], run.ledger
    for kept in entries:
        run.redactor.learn(kept.key.stream_key if kept.key else None)
    if ledger is None or run.check_mode:
        decided = changes(ledger.entries() if ledger else [], entries)
    else:
        decided = _take_in_all(ledger, entries)
    shown = [{**kept_entry(change.kept, ledger), "finding": change.action} for change in decided]
    return {"changed": bool(decided), "entries": shown, "diff": diff([], shown)}


def _take_in_all(ledger: Ledger, entries: list[Kept]) -> list[Change]:
    done: list[Change] = []

    def merge(connection: sa.Connection, now: float) -> None:
        # Read within the transaction: what is decided stays true until it is committed.
        found = connection.execute(sa.select(slots).where(slots.c.phase != "retired")).all()
        decided = changes([ledger.codec.entry(row, now) for row in found], entries)
        for change in decided:
            take_in(connection, change, ledger.codec, ledger.owner, now)
        done[:] = decided or done

    ledger.commit(merge)
    return done
