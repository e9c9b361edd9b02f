# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of one ledger and what another one hands to it, also drawn at random."""

from __future__ import annotations

from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.model import StreamKey
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.merging import PortableRow
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger.store import Row, Slot
from hypothesis import strategies as st

from .ledger_cases import SLOT

WITH_WHIP = StreamKey("unit-stream-one", "rtmp://a.invalid/live", "https://a.invalid/whip")
KEY, OTHER_KEY = StreamKey("unit-stream-one", "rtmp://a.invalid/live"), StreamKey("unit-stream-two")


def row(slot: Slot = SLOT, object_id: str | None = "s1", phase: str = "created", key: StreamKey | None = KEY) -> Row:
    return Row(1, slot, object_id, phase, key, None, frozenset(), leased=False)  # type: ignore[arg-type]


def kept(
    slot: Slot = SLOT, object_id: str | None = "s1", phase: str = "created", key: StreamKey | None = KEY
) -> PortableRow:
    return PortableRow(slot, object_id, phase, key)  # type: ignore[arg-type]


texts = st.text(min_size=1, max_size=20)
stream_keys = st.builds(StreamKey, texts, st.none() | texts, st.none() | texts)
entries = st.builds(
    PortableRow,
    st.builds(Slot, texts, st.sampled_from(["room", "session"]), texts, texts),
    st.none() | texts,
    st.sampled_from(["pending", "created", "keyless", "spare", "replaced", "beside"]),
    st.none() | stream_keys,
    st.lists(texts, max_size=3).map(tuple),
)
