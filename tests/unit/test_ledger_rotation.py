# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ledger's own key is changed while runs are at work, twice at once, and killed at every point."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils import ledger_location, ledger_rotation
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.errors import LedgerError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.ledger import Ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.ledger_location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.ledger_schema import slots, stored_meta
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils.upkeep import keep_in_order
from cryptography.fernet import Fernet

from .ledger_cases import SLOT, both_databases, claimed, new_key, opened


def rotated(settings: LedgerSettings, *, check_mode: bool = False) -> dict[str, Any]:
    options = {"ledger_url": settings.url, "ledger_key": settings.key, "ledger_key_file": settings.key_file}
    return keep_in_order({**options, "operation": "rotate"}, Redactor(), check_mode=check_mode)


def keys_of(settings: LedgerSettings) -> list[str]:
    return ledger_location.key_file(settings).read_text().strip().split(",")


def kept(settings: LedgerSettings) -> dict[str | None, StreamKey | None]:
    ledger = opened(settings, writable=False)
    rows = ledger.rows(SLOT.api, [SLOT.parent])
    ledger.close()
    return {row.object_id: row.key for row in rows}


def keep_some(settings: LedgerSettings, count: int = 3) -> dict[str | None, StreamKey | None]:
    ledger, made = opened(settings), dict[str | None, StreamKey | None]()
    for number in range(count):
        made[f"s{number}"] = key = new_key()
        ledger.keep(claimed(ledger, replace(SLOT, title=f"Talk {number}")), "created", f"s{number}", key)
    ledger.close()
    return made


def with_key(settings: LedgerSettings, *keys: str) -> LedgerSettings:
    return replace(settings, key=",".join(keys))


@both_databases
def test_a_new_key_that_is_given_first_encrypts_everything(ledger_settings: LedgerSettings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    made = keep_some(with_key(ledger_settings, old))
    both = with_key(ledger_settings, new, old)
    with pytest.raises(LedgerError, match="does not open this ledger"):
        opened(with_key(ledger_settings, new))
    for check_mode, count in ((True, 4), (False, 4), (True, 0), (False, 0)):
        result = rotated(both, check_mode=check_mode)
        assert (result["rotated"], result["changed"]) == (count, count > 0)
    assert kept(with_key(ledger_settings, new)) == made
    with pytest.raises(LedgerError, match="does not open this ledger"):
        opened(with_key(ledger_settings, old))


@both_databases
def test_what_a_run_from_before_the_change_still_keeps_is_not_lost(ledger_settings: LedgerSettings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    made = keep_some(with_key(ledger_settings, old))
    late, key = opened(with_key(ledger_settings, old)), new_key()
    claim = claimed(late)
    rotated(with_key(ledger_settings, new, old))
    late.keep(claim, "created", "late", key)
    late.close()
    assert kept(with_key(ledger_settings, new)) == {**made, "late": key}


def test_a_former_key_is_dropped_after_a_day_and_what_was_written_with_it_is_encrypted_anew(
    ledger_settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    made = keep_some(with_key(ledger_settings, old))
    late, key = opened(with_key(ledger_settings, old)), new_key()
    claim = claimed(late)
    rotated(with_key(ledger_settings, new, old))
    late.keep(claim, "created", "late", key)
    late.close()

    def former() -> int:
        ledger = opened(with_key(ledger_settings, new), writable=False)
        count = sum(name.startswith(ledger_rotation.FORMER) for name in ledger.look(stored_meta))
        ledger.close()
        return count

    opened(with_key(ledger_settings, new)).close()
    assert former() == 1
    monkeypatch.setattr(ledger_rotation, "FORMER_KEY_LASTS", -1.0)
    opened(with_key(ledger_settings, new)).close()
    assert former() == 0
    assert kept(with_key(ledger_settings, new)) == {**made, "late": key}


def test_a_key_file_gets_a_new_key_and_stays_private(ledger_settings: LedgerSettings) -> None:
    made = keep_some(ledger_settings)
    path = ledger_location.key_file(ledger_settings)
    (old,) = keys_of(ledger_settings)
    for number in range(2):
        before = keys_of(ledger_settings)
        result = rotated(ledger_settings)
        assert (result["changed"], result["rotated"]) == (True, 4 + number)
        assert kept(ledger_settings) == made
        assert keys_of(ledger_settings)[1:] == before
        (warning,) = result["warnings"]
        assert "keeps the old one" in warning
        assert old not in str(result)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir() if one.name.startswith(".")] == []


class Killed(BaseException):
    """Stands for the death of the process: nothing in the code under test may catch it."""


def killer(
    monkeypatch: pytest.MonkeyPatch, target: object, name: str, *, at_call: int, after: bool
) -> Callable[[], None]:
    """Let a function die at a call of it, before it has done anything or after it has done it all."""
    real, calls = getattr(target, name), [0]

    def dying(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == at_call and not after:
            raise Killed
        result = real(*arguments, **options)
        if calls[0] == at_call:
            raise Killed
        return result

    monkeypatch.setattr(target, name, dying)
    return lambda: monkeypatch.setattr(target, name, real)


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("target", "name", "at_call"),
    [
        (ledger_rotation, "replace_key_file", 1),
        (ledger_rotation, "encrypt_anew", 1),
        (ledger_rotation, "_remember_former_keys", 1),
        (ledger_rotation, "_hand_on", 1),
        (Ledger, "commit", 1),
        (os, "fsync", 1),
        (os, "fsync", 2),
        (Path, "replace", 1),
    ],
)
def test_a_change_that_is_killed_at_any_point_leaves_a_ledger_that_opens_and_is_finished_by_the_next(
    ledger_settings: LedgerSettings,
    monkeypatch: pytest.MonkeyPatch,
    target: object,
    name: str,
    at_call: int,
    after: bool,
    by_hand: bool,
) -> None:
    made = keep_some(ledger_settings)
    (old,) = keys_of(ledger_settings)
    if by_hand:
        ledger_settings = replace(ledger_settings, key_file=str(ledger_location.key_file(ledger_settings)))
    if name == "_hand_on" and not by_hand:
        return
    come_back = killer(monkeypatch, target, name, at_call=at_call, after=after)
    with pytest.raises(Killed):
        rotated(ledger_settings)
    come_back()
    assert kept(ledger_settings) == made
    made |= {"s9": None}
    ledger = opened(ledger_settings)
    ledger.keep(claimed(ledger, replace(SLOT, title="Talk 9")), "keyless", "s9", None)
    ledger.close()
    rotated(ledger_settings)
    new, *others = keys_of(ledger_settings)
    assert new != old
    assert old in others
    assert kept(ledger_settings) == made
    ledger_location.key_file(ledger_settings).write_text(new)
    assert kept(ledger_settings) == made


def test_changes_at_once_leave_keys_that_opens_the_ledger(ledger_settings: LedgerSettings) -> None:
    made = keep_some(ledger_settings)
    start = threading.Barrier(4)

    def change(_number: int) -> str:
        start.wait()
        try:
            rotated(ledger_settings)
        except LedgerError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(change, range(4)))
    assert all(not one or "Run again" in one or "does not open" in one or "damaged" in one for one in said), said
    assert "" in said
    assert len(keys_of(ledger_settings)) == 1 + said.count("")
    assert kept(ledger_settings) == made


def test_an_entry_that_no_key_opens_stops_the_change_and_nothing_is_changed(ledger_settings: LedgerSettings) -> None:
    made = keep_some(ledger_settings)
    ledger = opened(ledger_settings)
    spoil = sa.update(slots).where(slots.c.object_id == "s1").values(secret=b"damaged")
    ledger.commit(lambda connection, _now: connection.execute(spoil).rowcount)
    ledger.close()
    (old,) = keys_of(ledger_settings)
    with pytest.raises(LedgerError, match=r"entry 2, 'Talk 1', is damaged .* no entry was encrypted anew"):
        rotated(ledger_settings)
    assert old in keys_of(ledger_settings)
    reader = opened(ledger_settings, writable=False)
    for session_id in ("s0", "s2"):
        row = reader.row_of_session(session_id)
        assert row is not None
        assert row.key == made[session_id]
    with pytest.raises(LedgerError, match=r"entry 2, session 'Talk 1' \(s1\), is damaged"):
        reader.row_of_session("s1")
    reader.close()
    forget = {"ledger_url": ledger_settings.url, "operation": "forget", "entries": [2]}
    assert keep_in_order(forget, Redactor(), check_mode=False)["changed"]
    assert rotated(ledger_settings)["changed"]
    del made["s1"]
    assert kept(ledger_settings) == made


def test_a_key_file_that_others_can_read_is_refused(ledger_settings: LedgerSettings) -> None:
    keep_some(ledger_settings)
    path = ledger_location.key_file(ledger_settings)
    path.chmod(0o640)
    for work in (lambda: rotated(ledger_settings), lambda: opened(ledger_settings), lambda: kept(ledger_settings)):
        with pytest.raises(LedgerError, match="can be read by others"):
            work()
