# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Merging of two ledgers: no key of either is lost, and contradicting keys are refused without a change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.merging import PortableRow, changes
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Row
from hypothesis import given
from hypothesis import strategies as st

from ..ledger_cases import SLOT
from ..ledger_entries import KEY, OTHER_KEY, WITH_WHIP, entries, kept, row


def actions(rows: list[Row], *entries: PortableRow) -> list[str]:
    return [change.action for change in changes(rows, entries)]


@pytest.mark.parametrize(
    ("rows", "entry", "expected"),
    [
        ([], kept(), ["added"]),
        ([row()], kept(), []),
        ([row()], kept(object_id="S1"), []),
        ([row(key=None, phase="keyless")], kept(), ["filled"]),
        ([row(key=StreamKey(KEY.stream_key))], kept(), ["filled"]),
        ([row()], kept(key=StreamKey(KEY.stream_key)), []),
        ([row()], kept(key=StreamKey(KEY.stream_key, None, "https://a.invalid/whip")), ["filled"]),
        ([row(key=WITH_WHIP)], kept(), []),
        ([row()], kept(key=None, phase="keyless"), []),
        ([replace(row(key=None), damaged=True)], kept(), ["filled"]),
        ([row(object_id="s2", key=OTHER_KEY)], kept(), ["beside"]),
        ([row(object_id="s2", key=None, phase="keyless")], kept(), ["beside"]),
        ([row(object_id=None, phase="pending", key=None)], kept(), ["beside"]),
        ([row(object_id="s2", phase="spare", key=OTHER_KEY)], kept(), ["added"]),
        ([row(object_id="s2", phase="replaced", key=OTHER_KEY)], kept(), ["added"]),
        ([row(object_id="s2", phase="beside", key=OTHER_KEY)], kept(), ["added"]),
        ([], kept(phase="spare"), ["beside"]),
        ([], kept(phase="replaced"), ["beside"]),
        ([], kept(phase="beside"), ["beside"]),
        ([row(object_id="s2")], kept(key=None, phase="keyless"), []),
        ([], kept(object_id=None, phase="pending"), ["added"]),
        ([row(object_id=None, phase="pending")], kept(object_id=None, phase="pending"), []),
        ([row(replace(SLOT, api="https://b.invalid"))], kept(), ["added"]),
    ],
)
def test_each_row_is_taken_in_as_expected(rows: list[Row], entry: PortableRow, expected: list[str]) -> None:
    assert actions(rows, entry) == expected


def test_the_ingest_urls_of_one_key_are_merged() -> None:
    here, there = StreamKey(KEY.stream_key, KEY.rtmp_url), StreamKey(KEY.stream_key, None, WITH_WHIP.whip_url)
    (change,) = changes([row(key=here)], [kept(key=there)])
    assert change.row.key == WITH_WHIP


@pytest.mark.parametrize("key", [OTHER_KEY, StreamKey(KEY.stream_key, "rtmp://b.invalid/live")])
def test_different_keys_of_one_session_are_refused_and_not_shown(key: StreamKey) -> None:
    with pytest.raises(InvalidInput, match=r"'Keynote' \(s1\).*Nothing was taken in") as caught:
        changes([row()], [kept(replace(SLOT, title="Panel"), "s9", key=OTHER_KEY), kept(key=key)])
    assert "unit-stream" not in str(caught.value)


def test_an_entry_that_is_twice_in_an_export_is_taken_in_once() -> None:
    assert actions([], kept(), kept(), kept(object_id="s2", key=OTHER_KEY)) == ["added", "beside"]


@given(st.lists(entries, max_size=6), st.lists(entries, max_size=6))
def test_after_a_merge_every_key_of_both_ledgers_is_present(here: list[PortableRow], there: list[PortableRow]) -> None:
    rows = [
        Row(number, one.slot, one.object_id, one.phase, one.key, None, frozenset(), leased=False)
        for number, one in enumerate(here)
    ]
    try:
        decided = changes(rows, there)
    except InvalidInput:
        return
    keys = {one.key.stream_key for one in rows if one.key} | {one.row.key.stream_key for one in decided if one.row.key}
    assert {one.key.stream_key for one in there if one.key} <= keys
    holders = [one.slot for one in rows if one.holds_slot]
    added = [one.row.slot for one in decided if one.action == "added"]
    assert len(set(added)) == len(added)
    assert set(added).isdisjoint(holders)
