# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import (
    NoLedger,
    StreamKeyMissing,
    frames_of,
    unexpected_message,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import Redactor
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import store
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.location import LedgerSettings
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Slot, open_ledger
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.stream_keys import (
    PLACEHOLDER,
    previewed_stream_keys_of,
    stream_keys_of,
)


@pytest.fixture
def settings(tmp_path: Path) -> LedgerSettings:
    """Return the settings of a ledger that has two keys."""
    settings = LedgerSettings(f"sqlite:///{tmp_path}/ledger.db")
    ledger = open_ledger(settings, Redactor(), "unit", writable=True)
    assert ledger is not None
    for number in (1, 2):
        slot = Slot("https://a.invalid", "session", "room", f"Talk {number}")
        ledger.adopt(slot, f"session-{number}", StreamKey(f"unit-key-{number}"))
    ledger.close()
    return settings


def test_the_ledger_is_opened_once_for_all_ids(settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def counting(*arguments: Any, **keywords: Any) -> Any:
        opened.append(1)
        return open_ledger(*arguments, **keywords)

    monkeypatch.setattr(store, "open_ledger", counting)
    ids = ["session-2", "SESSION-1", "session-2"]
    assert stream_keys_of(settings, ids, Redactor()) == ["unit-key-2", "unit-key-1", "unit-key-2"]
    assert len(opened) == 1
    with pytest.raises(StreamKeyMissing, match="no stream key for a session with the id 'session-3'"):
        stream_keys_of(settings, ["session-1", "session-3"], Redactor())


def nobody() -> list[str]:
    return []


def test_a_preview_returns_stored_keys_and_placeholders_for_others(settings: LedgerSettings) -> None:
    ids = ["session-1", None, "session-3"]
    assert previewed_stream_keys_of(settings, ids, lambda: ["session-3"], Redactor()) == [
        "unit-key-1",
        PLACEHOLDER,
        PLACEHOLDER,
    ]
    with pytest.raises(StreamKeyMissing, match="session-3"):
        previewed_stream_keys_of(settings, ids, nobody, Redactor())


def test_a_preview_needs_no_ledger_for_sessions_that_do_not_exist_yet(tmp_path: Path) -> None:
    none = LedgerSettings(f"sqlite:///{tmp_path}/none.db")
    assert previewed_stream_keys_of(none, [None, None], nobody, Redactor()) == [PLACEHOLDER, PLACEHOLDER]
    with pytest.raises(NoLedger):
        previewed_stream_keys_of(none, ["session-1"], nobody, Redactor())


def test_the_frames_of_an_internal_error_contain_no_values() -> None:
    def deep(secret: str) -> None:
        raise ValueError(secret)

    with pytest.raises(ValueError, match="unit-secret") as caught:
        deep("unit-secret")
    frames, message = frames_of(caught.value), unexpected_message(caught.value)
    assert [frame.rpartition(" ")[2] for frame in frames][1:] == ["deep"]
    assert all(frame.startswith("test_stream_keys.py:") for frame in frames)
    assert frames[-1].partition(" ")[0] in message
    assert "unit-secret" not in message + "".join(frames)
