# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of the ledger's key: during other runs, concurrently, and killed at every point."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import pytest
import sqlalchemy as sa
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible import ledger_results
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import LedgerError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import location, rotation
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.commits import Commits
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.schema import meta, slots
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.ledger_maintenance import LedgerMaintenance
from cryptography.fernet import Fernet
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ..ledger_cases import SLOT, both_databases, claimed, new_key, opened, stored, written


def rotated(settings: LedgerSettings, *, check_mode: bool = False) -> dict[str, Any]:
    """Return the action's result of a change of the ledger's key."""
    return ledger_results.rotated(LedgerMaintenance(settings, Redactor(), check_mode).rotate_key())


def keys_of(settings: LedgerSettings) -> list[str]:
    return location.key_file(settings).read_text().strip().split(",")


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
def test_rotating_encrypts_everything_with_the_first_given_key(ledger_settings: LedgerSettings) -> None:
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
def test_a_key_that_an_older_run_stores_after_the_change_is_not_lost(ledger_settings: LedgerSettings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    made = keep_some(with_key(ledger_settings, old))
    late, key = opened(with_key(ledger_settings, old)), new_key()
    claim = claimed(late)
    rotated(with_key(ledger_settings, new, old))
    late.keep(claim, "created", "late", key)
    late.close()
    assert kept(with_key(ledger_settings, new)) == {**made, "late": key}


def test_a_former_key_is_deleted_after_a_day_and_its_entries_are_encrypted_again(
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
        count = sum(str(name).startswith(rotation.FORMER) for (name,) in stored(ledger, sa.select(meta.c.name)))
        ledger.close()
        return count

    opened(with_key(ledger_settings, new)).close()
    assert former() == 1
    monkeypatch.setattr(rotation, "FORMER_KEY_LASTS", -1.0)
    opened(with_key(ledger_settings, new)).close()
    assert former() == 0
    assert kept(with_key(ledger_settings, new)) == {**made, "late": key}


def test_a_key_file_gets_a_new_key_and_keeps_its_mode(ledger_settings: LedgerSettings) -> None:
    made = keep_some(ledger_settings)
    path = location.key_file(ledger_settings)
    (old,) = keys_of(ledger_settings)
    for number in range(2):
        before = keys_of(ledger_settings)
        result = rotated(ledger_settings)
        assert (result["changed"], result["rotated"]) == (True, 4 + number)
        assert kept(ledger_settings) == made
        assert keys_of(ledger_settings)[1:] == before
        (warning,) = result["warnings"]
        assert "keeps the old key" in warning
        assert old not in str(result)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir() if one.name.startswith(".")] == []


class Killed(BaseException):
    """Stands for SIGKILL: the code under test must not catch it."""


def killer(
    monkeypatch: pytest.MonkeyPatch, target: object, name: str, *, at_call: int, after: bool
) -> Callable[[], None]:
    """Let call number ``at_call`` of a function raise Killed, before or after its work. Return the undo function."""
    real, calls = getattr(target, name), [0]

    def killed(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == at_call and not after:
            raise Killed
        result = real(*arguments, **options)
        if calls[0] == at_call:
            raise Killed
        return result

    monkeypatch.setattr(target, name, killed)
    return lambda: monkeypatch.setattr(target, name, real)


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("target", "name", "at_call"),
    [
        (rotation, "replace_key_file", 1),
        (rotation, "reencrypt", 1),
        (rotation, "_remember_former_keys", 1),
        (rotation, "_store_newer_key", 1),
        (Commits, "run", 1),
        (os, "fsync", 1),
        (os, "fsync", 2),
        (Path, "replace", 1),
    ],
)
def test_a_ledger_opens_after_a_change_was_killed_at_any_point_and_the_next_change_succeeds(
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
        ledger_settings = replace(ledger_settings, key_file=str(location.key_file(ledger_settings)))
    if name == "_store_newer_key" and not by_hand:
        return
    restore = killer(monkeypatch, target, name, at_call=at_call, after=after)
    with pytest.raises(Killed):
        rotated(ledger_settings)
    restore()
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
    location.key_file(ledger_settings).write_text(new)
    assert kept(ledger_settings) == made


def test_concurrent_changes_leave_keys_that_open_the_ledger(ledger_settings: LedgerSettings) -> None:
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
        errors = list(pool.map(change, range(4)))
    assert all(not one or "Run again" in one or "does not open" in one or "damaged" in one for one in errors), errors
    assert "" in errors
    assert len(keys_of(ledger_settings)) == 1 + errors.count("")
    assert kept(ledger_settings) == made


def test_an_entry_that_no_key_opens_prevents_the_change(ledger_settings: LedgerSettings) -> None:
    made = keep_some(ledger_settings)
    ledger = opened(ledger_settings)
    spoil = sa.update(slots).where(slots.c.object_id == "s1").values(secret=b"damaged")
    written(ledger, spoil)
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
    assert LedgerMaintenance(ledger_settings, Redactor(), check_mode=False).forget((), {2})
    assert rotated(ledger_settings)["changed"]
    del made["s1"]
    assert kept(ledger_settings) == made


def test_a_key_file_that_others_can_read_is_refused(ledger_settings: LedgerSettings) -> None:
    keep_some(ledger_settings)
    path = location.key_file(ledger_settings)
    path.chmod(0o640)
    for work in (lambda: rotated(ledger_settings), lambda: opened(ledger_settings), lambda: kept(ledger_settings)):
        with pytest.raises(LedgerError, match="can be read by others"):
            work()


def test_ledgers_that_share_a_key_file_stay_readable_after_a_change_of_one(tmp_path: Path) -> None:
    """In the first version, ``event.db`` and ``event.sqlite3`` shared ``event.key``."""
    one, other = (LedgerSettings(f"sqlite:///{tmp_path}/event.{ending}") for ending in ("db", "sqlite3"))
    shared = tmp_path / "event.key"
    made = {one: keep_some(one)}
    (tmp_path / "event.db.key").rename(shared)
    shutil.copy(shared, tmp_path / "event.sqlite3.key")
    made[other] = keep_some(other)
    (tmp_path / "event.sqlite3.key").unlink()
    old = keys_of(one)
    for number, turn in enumerate((one, other, one)):
        result = rotated(turn)
        assert result["changed"]
        (warning,) = result["warnings"]
        beside = other if turn is one else one
        assert f"may be read by the ledger {location.database_file(beside)}." in warning
        assert keys_of(one)[-1:] == old
        # The second change uses the key that the first one has added.
        assert len(keys_of(one)) == (2, 2, 3)[number]
        assert kept(one) == made[one]
        assert kept(other) == made[other]
    assert sorted(path.name for path in tmp_path.glob("*.key")) == ["event.key"]


@both_databases
def test_a_controller_with_an_older_copy_of_the_key_file_still_reads_and_writes(
    ledger_settings: LedgerSettings, tmp_path: Path
) -> None:
    here, there = (tmp_path / name / "team.key" for name in ("here", "there"))
    for path in (here, there):
        path.parent.mkdir(mode=0o700)
        path.touch(0o600)
    here.write_text(Fernet.generate_key().decode())
    shutil.copy(here, there)
    mine, theirs = (replace(ledger_settings, key=None, key_file=str(path)) for path in (here, there))
    made = keep_some(mine)
    for number in range(2):
        (warning,) = rotated(mine)["warnings"]
        assert "whatever else was given it" in warning
        assert kept(theirs) == made
        ledger = opened(theirs)
        assert "Copy the ledger_key_file" in ledger.notes[0]
        made[f"late{number}"] = key = new_key()
        ledger.keep(claimed(ledger, replace(SLOT, title=f"Late {number}")), "created", f"late{number}", key)
        ledger.close()
        assert kept(mine) == made
    # This controller cannot change the key, because it does not have the newest one.
    for check_mode in (True, False):
        with pytest.raises(LedgerError, match=r"changed on another controller.* Copy the ledger_key_file"):
            rotated(theirs, check_mode=check_mode)
    # The newest key alone opens what it has written.
    here.write_text(keys_of(mine)[0])
    assert kept(mine) == made
    assert kept(theirs) == made
    # The old key was taken out, so it no longer opens the ledger after the next writing run.
    ledger = opened(mine)
    assert ledger.notes == ()
    ledger.close()
    with pytest.raises(LedgerError, match="does not open this ledger"):
        kept(theirs)
    shutil.copy(here, there)
    assert kept(theirs) == made


def test_if_the_user_has_added_a_first_key_the_change_uses_that_key(ledger_settings: LedgerSettings) -> None:
    made = keep_some(ledger_settings)
    path = location.key_file(ledger_settings)
    (old,) = keys_of(ledger_settings)
    new = Fernet.generate_key().decode()
    path.write_text(f"{new}\n{old}\n")
    assert rotated(ledger_settings, check_mode=True)["rotated"] == 4
    assert rotated(ledger_settings)["rotated"] == 4
    assert path.read_text().split() == [new, old]
    path.write_text(new)
    assert kept(ledger_settings) == made


def test_the_next_change_adds_a_key_although_a_run_has_written_with_the_old_one(
    ledger_settings: LedgerSettings,
) -> None:
    made = keep_some(ledger_settings)
    late, key = opened(ledger_settings), new_key()
    claim = claimed(late)
    rotated(ledger_settings)
    late.keep(claim, "created", "late", key)
    late.close()
    made["late"] = key
    rotated(ledger_settings)
    assert len(keys_of(ledger_settings)) == 3
    location.key_file(ledger_settings).write_text(keys_of(ledger_settings)[0])
    assert kept(ledger_settings) == made


def test_a_key_file_keeps_its_owner_and_a_link_to_it_stays_a_link(
    ledger_settings: LedgerSettings, tmp_path: Path
) -> None:
    path = tmp_path / "shared" / "the.key"
    path.parent.mkdir()
    path.touch(0o600)
    path.write_text(Fernet.generate_key().decode())
    link = tmp_path / "link.key"
    link.symlink_to(path)
    owner = (65534, 65534) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(path, *owner)
    settings = replace(ledger_settings, key_file=str(link))
    made = keep_some(settings)
    assert rotated(settings)["changed"]
    assert link.is_symlink()
    assert (path.stat().st_uid, path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (*owner, 0o600)
    assert kept(replace(settings, key_file=str(path))) == made


def test_a_ledger_with_a_damaged_entry_opens_after_its_former_key_has_expired(
    ledger_settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = keep_some(ledger_settings)
    rotated(ledger_settings)
    ledger = opened(ledger_settings)
    spoil = sa.update(slots).where(slots.c.object_id == "s1").values(secret=b"damaged")
    written(ledger, spoil)
    ledger.close()
    monkeypatch.setattr(rotation, "FORMER_KEY_LASTS", -1.0)
    with closing(opened(ledger_settings)) as reopened:
        names = [name for (name,) in stored(reopened, sa.select(meta.c.name))]
        assert not [name for name in names if name.startswith(rotation.FORMER)]
        row = reopened.row_of_session("s0")
        assert row is not None
        assert row.key == made["s0"]


@pytest.mark.parametrize("forgets_former_keys", [False, True])
def test_a_run_beside_an_unfinished_change_writes_what_older_copies_of_the_key_file_open(
    ledger_settings: LedgerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgets_former_keys: bool
) -> None:
    made = keep_some(ledger_settings)
    rotated(ledger_settings)
    copy = tmp_path / "copy.key"
    shutil.copy(location.key_file(ledger_settings), copy)
    restore = killer(monkeypatch, rotation, "reencrypt", at_call=1, after=True)
    with pytest.raises(Killed):
        rotated(ledger_settings)
    restore()
    assert is_unfinished(ledger_settings)
    if forgets_former_keys:
        monkeypatch.setattr(rotation, "FORMER_KEY_LASTS", -1.0)
    with closing(opened(ledger_settings)) as ledger:
        made["late"] = new_key()
        ledger.keep(claimed(ledger), "created", "late", made["late"])
    assert kept(replace(ledger_settings, key_file=str(copy))) == made
    rotated(ledger_settings)
    assert kept(ledger_settings) == made


Step = Literal["rotate", "rotate elsewhere", "write", "write elsewhere", "copy", "take out", "kill"]
STEPS: tuple[Step, ...] = get_args(Step)


@pytest.mark.slow
@settings(max_examples=25)
@example(["kill", "write", "rotate elsewhere", "write elsewhere"])
@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=8))
def test_no_stream_key_is_lost_in_any_sequence_of_operations_on_the_key_file(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        here, there = (Path(folder) / name for name in ("here.key", "there.key"))
        url = f"sqlite:///{folder}/ledger.db"
        mine, theirs = (LedgerSettings(url, key_file=str(path)) for path in (here, there))
        made = keep_some(mine, 1)
        shutil.copy(here, there)
        for number, step in enumerate(steps):
            if step in ("rotate", "rotate elsewhere"):
                with suppress(LedgerError):
                    rotated(mine if step == "rotate" else theirs)
            elif step in ("write", "write elsewhere"):
                with suppress(LedgerError), closing(opened(mine if step == "write" else theirs)) as ledger:
                    key, claim = new_key(), claimed(ledger, replace(SLOT, title=f"More {number}"))
                    ledger.keep(claim, "created", f"more{number}", key)
                    made[f"more{number}"] = key
            elif step == "copy":
                shutil.copy(here, there)
            elif step == "take out" and not is_unfinished(mine):
                here.write_text(keys_of(mine)[0])
            elif step == "kill":
                restore = killer(patch, rotation, "reencrypt", at_call=1, after=True)
                with suppress(Killed, LedgerError):
                    rotated(mine)
                restore()
            assert any(can_read(one, made) for one in (mine, theirs)), (steps, number)
        # After changes with both files, perhaps only one of them opens every entry.
        assert can_read(mine, made) or can_read(theirs, made)


def is_unfinished(settings: LedgerSettings) -> bool:
    with suppress(LedgerError), closing(opened(settings, writable=False)) as ledger:
        values = {row.name: bytes(row.value) for row in stored(ledger, sa.select(meta))}
        return rotation.is_unfinished(keys_of(settings), values)
    return True


def can_read(settings: LedgerSettings, made: dict[str | None, StreamKey | None]) -> bool:
    with suppress(LedgerError):
        return kept(settings) == made
    return False
