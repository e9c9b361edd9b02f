# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.config_values import (
    is_plain_ingest_url,
    require_plain_stream_key,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import StreamKeyMissing


@pytest.mark.parametrize("plain", ["a", "unit-stream-1_2.3~4", "live/a?b=c&d=e", "x" * 512])
def test_a_plain_stream_key_is_accepted(plain: str) -> None:
    assert require_plain_stream_key(plain) == plain


@pytest.mark.parametrize(
    "bad",
    ["", "a b", "a\n", "a\nb", "a\tb", 'a"b', "a'b", "a$b", "a%b", "a;b", "a#b", "a\\b", "a{b}", "a\0", "é", "x" * 513],
)
def test_a_stream_key_with_special_characters_is_refused_and_not_quoted(bad: str) -> None:
    with pytest.raises(StreamKeyMissing) as caught:
        require_plain_stream_key(bad)
    assert not bad.strip() or len(bad) < 3 or bad not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "rtmp://ingest.invalid/live",
        "rtmps://ingest.invalid:443/live/app",
        "rtmp://127.0.0.1:1935/a",
        "rtmp://[::1]:1935/a",
        "rtmp://host",
    ],
)
def test_a_plain_ingest_url_is_accepted(url: str) -> None:
    assert is_plain_ingest_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://host/live",
        "file:///etc/passwd",
        "rtmp:///live",
        "rtmp://user:pass@host/live",
        "rtmp://host/live app",
        "rtmp://host/live\n",
        "rtmp://host/live\nexec",
        'rtmp://host/"live',
        "rtmp://host/live;x",
        "rtmp://host/$x",
        "rtmp://host/#x",
        "rtmp://host:99999/live",
        "rtmp://host:0/live",
        "rtmp://host:port/live",
        "rtmp://ho st/live",
        "rtmp://-host/live",
        "rtmp://host?live x",
        "\trtmp://host/live",
        "rtmp://ho\nst/live",
        "rt\nmp://host/live",
        "rtmp://host?x\nexec",
        "rtmp://host#x'y",
        "rtmp://[::1/live",
    ],
)
def test_an_ingest_url_with_special_characters_or_credentials_is_refused(url: str) -> None:
    assert not is_plain_ingest_url(url)
