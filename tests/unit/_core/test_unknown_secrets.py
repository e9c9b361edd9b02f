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

# Seeded: a random key may look like an ordinary word, and would make the tests fail now and then.
RANDOM = random.Random(2027)  # noqa: S311 - made up, and not secret
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


def new_id() -> str:
    return str(uuid.UUID(bytes=RANDOM.randbytes(16), version=4))


def grouped(groups: int, size: int, alphabet: str = ALPHABET) -> str:
    """Return random groups. The first one always mixes letters and digits, because all of them could be words."""
    made = ["".join(RANDOM.choice(alphabet) for _place in range(size)) for _group in range(groups)]
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
    "with a prefix": lambda: f"live-{RANDOM.randbytes(8).hex()}a1b2",
    "sk_live_": lambda: f"sk_live_{RANDOM.randbytes(12).hex()}",
    "UUID": new_id,
    "UUID, capital": lambda: new_id().upper(),
    "UUID with a prefix": lambda: f"stream-{new_id()}",
    "hexadecimal": lambda: f"a1{RANDOM.randbytes(15).hex()}",
    "digits": lambda: "".join(RANDOM.choice(string.digits) for _place in range(24)),
    "base64url": lambda: f"q7-{base64.urlsafe_b64encode(RANDOM.randbytes(24)).decode()}3x",
    "base64": lambda: base64.b64encode(b"\0\1" + RANDOM.randbytes(15)).decode().replace("/", "x"),
}


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("kind", KEYS)
def test_what_looks_like_a_key_is_masked_in_every_context(kind: str, sentence: str) -> None:
    for _try in range(20):
        key = KEYS[kind]()
        found = without_unknown_secrets(sentence.replace("KEY", key))
        assert key not in found
        assert MASK in found
        # Half a key is a leak too.
        assert key[: len(key) // 2] not in found


@pytest.mark.parametrize("kind", KEYS)
def test_texts_of_the_request_are_not_masked(kind: str) -> None:
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
def test_ordinary_words_are_not_masked(said: str) -> None:
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
def test_a_value_after_a_secret_name_or_in_an_ingest_url_is_masked(said: str) -> None:
    found = without_unknown_secrets(said.replace("KEY", "zqplain"), ["zqplain"])
    assert "zqplain" not in found
    assert MASK in found


def test_an_id_is_not_masked_with_with_ids() -> None:
    name = new_id()
    assert without_unknown_secrets(name, with_ids=True) == name
    assert without_unknown_secrets(f"live/x-{name}", with_ids=True) == f"live/{MASK}"


@given(st.text(), st.lists(st.text(), max_size=3))
def test_a_second_pass_removes_no_mask(text: str, shown: list[str]) -> None:
    once = without_unknown_secrets(text, shown)
    assert without_unknown_secrets(once, shown).count(MASK) >= once.count(MASK)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["a", "a-", "1a", "key ", "token: ", "http://", "https://a/whip", "eyJ", ":", "a:1."])
def test_masking_takes_linear_time(part: str) -> None:
    # A million characters would take hours in quadratic time.
    without_unknown_secrets(part * (1_000_000 // len(part)))


def test_texts_of_returns_all_strings_of_a_body() -> None:
    body = {"title": "a", "settings": {"x": ["b", 3, None]}, "mode": True}
    assert texts_of(body) == ["a", "b"]
    assert texts_of(None) == []


@pytest.mark.parametrize("name", ["stream_key", "streamKey", "Stream-Key", "key", "livekit_token", "Set-Cookie"])
def test_names_of_secrets_are_recognised(name: str) -> None:
    assert is_name_of_secret(name)


@pytest.mark.parametrize("name", ["rtmp", "rtmp_setup", "whip_url", "ingestUrl", "publish_url"])
def test_names_of_ingest_urls_are_recognised(name: str) -> None:
    assert is_name_of_ingest(name)


@pytest.mark.parametrize("name", ["keyframe_interval", "title", "hls_url", "status", "id"])
def test_other_names_are_not_recognised(name: str) -> None:
    assert not is_name_of_secret(name)
    assert not is_name_of_ingest(name)
