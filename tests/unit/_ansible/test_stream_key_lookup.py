# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.stream_key_lookup import (
    all_given,
    session_ids_from,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput, StreamKeyMissing


def test_terms_may_be_lists_and_an_empty_term_is_no_id() -> None:
    assert session_ids_from(["a", ["b", ("c", [" d\n"])], None, "", 7]) == ["a", "b", "c", "d", None, None, "7"]
    with pytest.raises(InvalidInput, match="mapping"):
        session_ids_from([[{"id": "a"}]])
    with pytest.raises(StreamKeyMissing, match="number 2 of 3 is empty"):
        all_given(["a", None, "b"])
