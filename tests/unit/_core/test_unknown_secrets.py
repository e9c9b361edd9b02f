# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import random
import string
import uuid
from collections.abc import Callable

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.secrecy import MASK
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.unknown_secrets import (
    is_name_of_ingest,
    is_name_of_secret,
    texts_of,
    without_unknown_secrets,
)
from hypothesis import given
from hypothesis import strategies as st

# The same in each run: what looks like a key is a matter of chance, and so could a key be that looks like none.
CHANCE = random.Random(2027)  # noqa: S311 - made up, and not secret
ALPHABET = string.ascii_lowercase + string.digits
SENTENCES = [
    "KEY",
    "no room for KEY.",
    "stream 'KEY' is taken",
    '{"name":"KEY"}',
    "(KEY)",
    "live/KEY",
    "https://cdn.example.com/live/KEY/index.m3u8",
    "a=KEY&b=1",
    "id:KEY",
    "KEY, KEY and KEY",
]


def made_up_id() -> str:
    return str(uuid.UUID(bytes=CHANCE.randbytes(16), version=4))


def grouped(groups: int, size: int, alphabet: str = ALPHABET) -> str:
    """Return random groups; where chance makes words of all of them, one digit between letters is set."""
    made = ["".join(CHANCE.choice(alphabet) for _place in range(size)) for _group in range(groups)]
    made[0] = f"{made[0][:-2]}7q"
    return "-".join(made)


KEYS: dict[str, Callable[[], str]] = {
    "ab12-cd34-ef56-gh78": lambda: "ab12-cd34-ef56-gh78",
    "abcd-1234-efgh-5678-ijkl": lambda: "abcd-1234-efgh-5678-ijkl",
    "1234-5678-9012-3456": lambda: "1234-5678-9012-3456",
    "4 x 4": lambda: grouped(4, 4),
    "5 x 4, capital": lambda: grouped(5, 4, string.ascii_uppercase + string.digits),
    "3 x 6": lambda: grouped(3, 6),
    "ab12.cd34.ef56.gh78": lambda: "ab12.cd34.ef56.gh78",
    "unequal groups": lambda: "k3y-9f2a-77bc-01de",
    "with a prefix": lambda: f"live-{CHANCE.randbytes(8).hex()}a1b2",
    "sk_live_": lambda: f"sk_live_{CHANCE.randbytes(12).hex()}",
    "UUID": made_up_id,
    "UUID, capital": lambda: made_up_id().upper(),
    "UUID with a prefix": lambda: f"stream-{made_up_id()}",
    "hexadecimal": lambda: f"a1{CHANCE.randbytes(15).hex()}",
    "digits": lambda: "".join(CHANCE.choice(string.digits) for _place in range(24)),
    "base64url": lambda: f"q7-{base64.urlsafe_b64encode(CHANCE.randbytes(24)).decode()}3x",
    "base64": lambda: base64.b64encode(b"\0\1" + CHANCE.randbytes(15)).decode().replace("/", "x"),
}


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("kind", KEYS)
def test_what_looks_like_a_key_is_masked_wherever_it_stands(kind: str, sentence: str) -> None:
    for _try in range(20):
        key = KEYS[kind]()
        found = without_unknown_secrets(sentence.replace("KEY", key))
        assert key not in found
        assert MASK in found
        # Not even a half of it.
        assert key[: len(key) // 2] not in found


@pytest.mark.parametrize("kind", KEYS)
def test_what_the_request_named_itself_is_shown(kind: str) -> None:
    key = KEYS[kind]()
    said = f"No preset has the id {key}. Give another than '{key.upper()}'."
    assert without_unknown_secrets(said, [f"/rooms/{key}/sessions"]) == said
    assert without_unknown_secrets(said, ["Keynote", key]) == said
    assert without_unknown_secrets(said, [KEYS["UUID"]()]) != said


@pytest.mark.parametrize(
    "said",
    [
        "the room is on-air",
        "the rtmp-url of the main-stage is well-known",
        "overlaps 2027-05-04T09:00:00Z, 2027-05-04T09:00:00.123456+02:00 and 20270504T090000Z",
        "2027-05-04 09:00 to 2027-05-05",
        "'Keynote-2027-of-the-Main-Stage' exists",
        "'Main-Hall-2027' and 'Room-A1-Session-B2-Day3' and 'Day1-Hall2-Talk3-Slot4' exist",
        "code InvalidSessionStateTransition, StreamKeyAlreadyInUse, SESSION_LIMIT_REACHED",
        "preset_id: must be a UUID; scheduled_start_time: not RFC3339",
        "title: 3 to 255 characters; max_join_limit=1000",
        "host api-2.eu-west-1.example.com answered 10.0.12.34:8080 with HTTP/1.1 502",
        "version 1.24.3-beta2 of h264-1080p50",
        "antidisestablishmentarianism",
        "stream key missing",
        "unknown key 'mode'",
        "Veranstaltungstechnikerin",
        "",
    ],
)
def test_ordinary_words_are_quoted(said: str) -> None:
    assert without_unknown_secrets(said) == said


@pytest.mark.parametrize(
    "said",
    [
        "stream_key: KEY",
        "streamKey=KEY",
        '{"stream_key": "KEY"}',
        "{'api-key': 'KEY'}",
        "stream key 'KEY' is taken",
        "livekit_token=KEY&x=1",
        "client_secret: KEY",
        "key=KEY",
        "password is bad: password = KEY",
        "Authorization: Bearer KEY",
        "authorization: Basic KEY",
        "bearer KEY",
        "playpath=KEY",
        "rtmp://ingest.example.com/live/KEY",
        "RTMPS://ingest.example.com/live/KEY?x",
        "srt://ingest.example.com:9000?streamid=KEY",
        "https://ingest.example.com/whip/KEY",
        "eyJhbGciOiJIUzI1NiJ9.KEY",
    ],
)
def test_what_a_name_or_an_address_gives_away_is_masked_however_it_looks(said: str) -> None:
    found = without_unknown_secrets(said.replace("KEY", "zqplain"), ["zqplain"])
    assert "zqplain" not in found
    assert MASK in found


def test_an_id_is_left_where_ids_are_expected() -> None:
    name = made_up_id()
    assert without_unknown_secrets(name, with_ids=True) == name
    assert without_unknown_secrets(f"live/x-{name}", with_ids=True) == f"live/{MASK}"


@given(st.text(), st.lists(st.text(), max_size=3))
def test_any_text_is_masked_in_one_pass(text: str, shown: list[str]) -> None:
    once = without_unknown_secrets(text, shown)
    assert without_unknown_secrets(once, shown).count(MASK) >= once.count(MASK)


@pytest.mark.parametrize("part", ["a", "a-", "1a", "key ", "token: ", "http://", "https://a/whip", "eyJ", ":", "a:1."])
def test_a_text_of_any_length_is_read_in_a_time_that_grows_with_it(part: str) -> None:
    # Ten million characters, were time to grow with their square, would take days.
    without_unknown_secrets(part * (1_000_000 // len(part)))


def test_every_text_of_a_body_is_known() -> None:
    body = {"title": "a", "settings": {"x": ["b", 3, None]}, "mode": True}
    assert texts_of(body) == ["a", "b"]
    assert texts_of(None) == []


@pytest.mark.parametrize("name", ["stream_key", "streamKey", "Stream-Key", "key", "livekit_token", "Set-Cookie"])
def test_a_name_tells_a_secret(name: str) -> None:
    assert is_name_of_secret(name)


@pytest.mark.parametrize("name", ["rtmp", "rtmp_setup", "whip_url", "ingestUrl", "publish_url"])
def test_a_name_tells_an_address_to_publish_to(name: str) -> None:
    assert is_name_of_ingest(name)


@pytest.mark.parametrize("name", ["keyframe_interval", "title", "hls_url", "status", "id"])
def test_another_name_tells_neither(name: str) -> None:
    assert not is_name_of_secret(name)
    assert not is_name_of_ingest(name)
