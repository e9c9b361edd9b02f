# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ids, names, URLs and keys of streams, as the encoder roles get them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.listed_streams import (
    Asked,
    ingest,
    stream_key_problem,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.stream_settings import settled_streams
from hypothesis import given
from hypothesis import strategies as st

from tests.unit._encoders.role_streams import ID, OPTIONS, OTHER_ID, STREAM, refusal, settled, stream_of

ROLES = sorted(OPTIONS)
KEY = "4f1c-not-a-real-key-77aa"


@pytest.mark.parametrize("role", ROLES)
def test_a_stream_is_named_after_room_and_title_and_its_id_is_in_lower_case(role: str) -> None:
    stream = stream_of(role, stream={"label": "", "title": 2027, "stream_key_fingerprint": None})
    assert stream["label"] == "Main hall/2027"
    assert stream["session_id"] == ID.lower()
    assert stream["stream_key_fingerprint"] == ""
    assert stream["title"] == "2027"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "value", [None, "", "  ", [], {}, True, 7, "../../x", f"{ID}\n", f" {ID}", f"{{{ID}}}", ID[:-1]]
)
def test_a_session_id_is_a_uuid(role: str, value: Any) -> None:
    message = refusal(role, STREAM | {"session_id": value})
    assert message.startswith("Main hall/Keynote: session_id") or "Main hall/Keynote (main-hall-keynote" in message


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("streams", "words"),
    [
        ("Main hall/Keynote", "_streams: this is a text; give a list of streams."),
        ({"Main hall/Keynote": STREAM}, "_streams: this is a mapping; give a list of streams."),
        ([7], "_streams[0]: this is a number; give a mapping with session_id"),
        ([STREAM, ["x"]], "_streams[1]: this is a list; give a mapping"),
        ([STREAM | {"room": ""}], "_streams[0]: its room or title is missing."),
        ([STREAM | {"title": None}], "_streams[0]: its room or title is missing."),
        ([STREAM | {"title": False}], "_streams[0].title: this is a truth value; give a text."),
        ([STREAM | {"room": {"title": "Main hall"}}], "_streams[0].room: this is a mapping; give a text."),
        ([STREAM | {"room_id": ["x"]}], "Main hall/Keynote: room_id: this is a list; give a text."),
    ],
)
def test_a_malformed_stream_is_refused_with_its_place(role: str, streams: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        settled_streams(streams, Asked(role, OPTIONS[role]))
    assert words in str(raised.value)


@pytest.mark.parametrize("role", ROLES)
def test_a_session_that_is_listed_twice_is_refused(role: str) -> None:
    message = refusal(role, STREAM, STREAM | {"title": "Another", "label": "", "session_id": ID.lower()})
    assert "Main hall/Keynote and Main hall/Another: " in message
    assert "twice" in message


def test_an_empty_list_is_valid() -> None:
    assert [settled(role)["streams"] for role in ROLES] == [[], [], []]


PLAIN_URLS = {
    "rtmp://ingest.example/live": ("ingest.example", 1935, False, "live"),
    "rtmps://ingest.example/live": ("ingest.example", 443, True, "live"),
    "rtmp://ingest.example:1936/live/": ("ingest.example", 1936, False, "live"),
    "rtmp://192.0.2.1:65535/a/b?c=d&e=f": ("192.0.2.1", 65535, False, "a/b?c=d&e=f"),
    "rtmp://[2001:db8::1]/live": ("[2001:db8::1]", 1935, False, "live"),
    "rtmps://[::ffff:192.0.2.1]:8443/live": ("[::ffff:192.0.2.1]", 8443, True, "live"),
    "rtmp://h/x//": ("h", 1935, False, "x/"),
}


@pytest.mark.parametrize(("url", "parts"), PLAIN_URLS.items())
def test_an_ingest_url_is_split_into_its_parts(url: str, parts: tuple[str, int, bool, str]) -> None:
    found = ingest(url, "Hall/Talk")
    assert found == {"rtmp_url": url, **dict(zip(("host", "port", "tls", "app"), parts, strict=True))}


URLS_THAT_ARE_NONE = [
    None,
    "",
    " ",
    7,
    True,
    ["rtmp://127.0.0.1/live"],
    {"url": "rtmp://127.0.0.1/live"},
    "rtmp://127.0.0.1/live;id",
    "rtmp://127.0.0.1/live\n",
    "rtmp://127.0.0.1/li\tve",
    " rtmp://127.0.0.1/live",
    "rtmp://127.0.0.1/$arg_x",
    "rtmp://127.0.0.1/${HOME}",
    "rtmp://127.0.0.1/%n",
    "rtmp://127.0.0.1/live#x",
    'rtmp://127.0.0.1/live"',
    "rtmp://127.0.0.1/live'",
    "rtmp://127.0.0.1/live\\",
    "rtmp://127.0.0.1/{{ x }}",
    "rtmp://127.0.0.1/liv\N{LATIN SMALL LETTER E WITH ACUTE}",
    "rtmp://127.0.0.1/me@x",
    "rtmp://127.0.0.1/!x",
    "rtmp://127.0.0.1/*",
    "rtmp://me:word@127.0.0.1/live",
    "rtmp://127.0.0.1",
    "rtmp://127.0.0.1/",
    "rtmp://127.0.0.1:/live",
    "rtmp://127.0.0.1:0/live",
    "rtmp://127.0.0.1:65536/live",
    "rtmp://127.0.0.1:123456/live",
    "rtmp://127.0.0.1:rtmp/live",
    "rtmp:///live",
    "rtmp://-host/live",
    "rtmp://host-/live",
    "rtmp://host./live",
    "rtmp://ho_st/live",
    "rtmp://2001:db8::1/live",
    "rtmp://[2001:db8::1/live",
    "rtmp://[:::::]/live",
    "rtmp://[fe80::1%25eth0]/live",
    "rtmp://[]/live",
    "https://127.0.0.1/live",
    "http://127.0.0.1/live",
    "RTMP://127.0.0.1/live",
    "Rtmp://127.0.0.1/live",
    "srt://127.0.0.1/live",
    "file:///etc/passwd",
    "rtmp://" + "a" * 300 + "/live",
    "rtmp://127.0.0.1/" + "a" * 2000,
    "rtmp://127.0.0.1/\udcff",
]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("url", URLS_THAT_ARE_NONE, ids=str)
def test_a_malformed_ingest_url_is_refused_and_not_quoted(role: str, url: Any) -> None:
    message = refusal(role, STREAM | {"rtmp_url": url})
    assert message.startswith("Main hall/Keynote")
    assert "its rtmp_url is not an ingest URL like rtmp://host/application" in message
    assert "word" not in message


@pytest.mark.parametrize("role", ROLES)
def test_streams_that_are_not_written_need_no_url(role: str) -> None:
    (stream,) = settled(role, STREAM | {"rtmp_url": None}, only_named=True)["streams"]
    assert stream["label"] == "Main hall/Keynote"


@given(st.text(max_size=40))
def test_a_random_text_is_a_url_only_without_special_characters(text: str) -> None:
    with suppress(InvalidInput):
        found = ingest(f"rtmp://{text}", "Hall/Talk")
        assert text.isascii()
        assert not set(text) & set(" \t\r\n\"'$%;#\\{}@!*<>|`")
        assert found["host"]
        assert found["app"]


SETTINGS: dict[str, Any] = {"label": "Main hall/Keynote", "session_id": OTHER_ID, "source": {"type": "file"}}


@pytest.mark.parametrize(
    "key",
    [
        "",
        "abc",
        "a b c d",
        "abcd\n",
        'ab"cd',
        "ab'cd",
        "ab\\cd",
        "ab$cd",
        "ab%cd",
        "ab;cd",
        "ab{cd",
        "ab#cd",
        "x" * 501,
    ],
)
def test_a_malformed_key_is_neither_written_nor_shown(key: str) -> None:
    problem = stream_key_problem(SETTINGS, key)
    assert f"The stream key of Main hall/Keynote (session {OTHER_ID})" in problem
    assert "was not written anywhere" in problem
    assert len(key) < 4 or key not in problem


@pytest.mark.parametrize("key", ["abcd", KEY, "check-mode-there-is-no-stream-key-yet", "a/b?c=d&e=f", "x" * 500])
def test_a_well_formed_key_is_accepted(key: str) -> None:
    assert stream_key_problem(SETTINGS, key) == ""


@pytest.mark.parametrize(
    "settings",
    [
        {"profile": {"output_options": ["-metadata", f"comment={KEY}"]}},
        {"source": {"input_options": [KEY]}},
        {"source": {"url": f"rtmp://ingest.example/live/{KEY}"}},
        {"slate": {"path": f"/srv/{KEY}.ts"}},
        # As many services write it.
        {"rtmp_url": f"rtmp://ingest.example/live/{KEY}"},
        {"app": f"live/{KEY}"},
        {"whip_url": f"https://ingest.example/whip?key={KEY}"},
        {"profile": {"encoder_settings": {"opts": f"x={KEY}"}}},
    ],
)
def test_a_setting_that_contains_the_key_is_refused_without_showing_it(settings: dict[str, Any]) -> None:
    problem = stream_key_problem(SETTINGS | settings, KEY)
    assert problem.startswith(f"Main hall/Keynote: its {next(iter(settings))}")
    assert "hold the stream key" in problem
    assert KEY not in problem
