# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The text of an export can be read back, and other texts are refused."""

from __future__ import annotations

import json

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.merging import PortableRow
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._operations.ledger_transfer import (
    from_text,
    to_text,
)
from hypothesis import given
from hypothesis import strategies as st

from ..ledger_entries import entries, kept


@given(st.lists(entries, max_size=3))
def test_an_exported_text_is_read_back_unchanged(listed: list[PortableRow]) -> None:
    assert from_text(to_text(listed), "it") == listed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"format": "other", "entries": []}',
        '{"format": "tenbyte.webinar ledger 1"}',
        '{"format": "tenbyte.webinar ledger 1", "entries": [{}]}',
        '{"format": "tenbyte.webinar ledger 1", "entries": "x"}',
        '{"format": "tenbyte.webinar ledger 1", "entries": {"a": 1}}',
    ],
)
def test_a_text_that_is_no_export_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^path x"):
        from_text(text, "path x")


def test_a_malformed_entry_is_refused() -> None:
    good = json.loads(to_text([kept()]))
    for name, value in [("phase", "retired"), ("kind", "x"), ("api", 1), ("id", 1), ("stream_key", []), ("doubt", "x")]:
        bad = {**good, "entries": [{**good["entries"][0], name: value}]}
        with pytest.raises(InvalidInput, match="is not an export"):
            from_text(json.dumps(bad), "it")
