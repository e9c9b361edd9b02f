# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the roles ffmpeg_encoder and obs_encoder check their streams and their own options."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_streams import stream_name

from tests.unit._encoders.role_streams import OTHER_ID, ROOM_ID, STREAM, refusal, stream_of

LABEL = "Main hall/Keynote"
FIRST = stream_name(LABEL)
SECOND = FIRST[:-8] + stream_name(f"{LABEL} ({ROOM_ID})")[-8:]


@pytest.mark.parametrize(
    ("on_host", "name"),
    [
        ([], FIRST),
        ([{"name": FIRST}], FIRST),
        ([{"name": FIRST, "room_id": ROOM_ID}], FIRST),
        ([{"name": FIRST, "room_id": ""}], FIRST),
        ([{"name": FIRST, "room_id": None}], FIRST),
        ([{"name": FIRST, "room_id": OTHER_ID}], SECOND),
        ([{"name": SECOND, "room_id": ROOM_ID}], SECOND),
        ([{"name": "another", "room_id": OTHER_ID}], FIRST),
    ],
)
def test_a_stream_keeps_its_name_beside_one_of_another_room_with_the_same_title(on_host: Any, name: str) -> None:
    assert stream_of("ffmpeg_encoder", on_host=on_host)["name"] == name
    without = stream_of("ffmpeg_encoder", on_host=on_host, stream={"room_id": ""})
    assert without["name"] == FIRST


def test_a_title_that_is_listed_twice_is_refused() -> None:
    message = refusal("ffmpeg_encoder", STREAM, STREAM | {"session_id": OTHER_ID})
    assert "a title of a room, twice" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stall_timeout", 4),
        ("stall_timeout", 301),
        ("stall_timeout", "often"),
        ("stall_timeout", None),
        ("source_timeout", 0),
        ("source_timeout", 61),
        ("source_timeout", True),
        ("sound_timeout", 4),
        ("sound_timeout", 3601),
        ("sound_timeout", -1),
        ("sound_timeout", False),
        ("refusals", 0),
        ("refusals", 1001),
        ("refusals", -1),
        ("refusals", 1.5),
        ("refusals", [10]),
    ],
)
def test_times_and_counts_have_limits_and_only_the_wrong_one_is_named(name: str, value: Any) -> None:
    takes = {
        "stall_timeout": "5 to 300 seconds",
        "source_timeout": "1 to 60 seconds",
        "sound_timeout": "5 to 3600 seconds, or 0, which waits for ever",
        "refusals": "1 to 1000",
    }
    message = refusal("ffmpeg_encoder", **{name: value})
    assert message == f"ffmpeg_encoder_{name}: it takes {takes[name]}. Nothing was written."


@pytest.mark.parametrize("name", ["binary", "supervisord_command", "supervisorctl_command"])
def test_programs_have_a_name_or_a_path(name: str) -> None:
    for program in ("", " ", None, ["ffmpeg"], "ffmpeg\n"):
        assert f"ffmpeg_encoder_{name} must be a program's name" in refusal("ffmpeg_encoder", **{name: program})
    stream_of("ffmpeg_encoder", **{name: "/opt/ffmpeg@7/my bin/ffmpeg"})


@pytest.mark.parametrize("user", ["", None, "root;id", "../x", "Director", "a b", "director\n", ["director"], True])
def test_without_a_unit_a_user_must_be_named(user: Any) -> None:
    assert "obs_encoder_user must name the user" in refusal("obs_encoder", start=False, user=user)
    assert stream_of("obs_encoder", start=True, user=user)["profile_name"] == "Tenbyte"


def test_a_profile_for_a_person_is_named_after_its_stream() -> None:
    stream = {"label": 'Зал/Show "1"; $(id) \\n %'}
    settled_stream = stream_of("obs_encoder", start=False, user="director", stream=stream)
    assert settled_stream["profile_name"] == "Tenbyte Зал Show  1     id   n"


@pytest.mark.parametrize("binary", ["", "my obs", "obs;id", "/obs", "obs\n", "$OBS", ["obs"], None])
def test_obs_is_a_program(binary: Any) -> None:
    assert "obs_encoder_binary must be a program's name" in refusal("obs_encoder", binary=binary)


@pytest.mark.parametrize(
    ("written", "named", "by_list", "url"),
    [
        ("https://written/y", "https://named/x", False, "https://written/y"),
        ("https://written/y", "https://named/x", True, "https://named/x"),
        ("", "https://named/x", False, "https://named/x"),
        ("https://written/y", None, True, "https://written/y"),
        (None, "http://[2001:db8::1]:8080/x?y=z", False, "http://[2001:db8::1]:8080/x?y=z"),
    ],
)
def test_an_endpoint_from_the_user_comes_before_the_services(written: Any, named: Any, by_list: bool, url: str) -> None:
    options = {"service": "whip_custom", "whip_urls": {LABEL: written}, "by_list": by_list}
    assert stream_of("obs_encoder", stream={"whip_url": named, "rtmp_url": None}, **options)["whip_url"] == url


@pytest.mark.parametrize(
    "url",
    [
        *("", None, 7, ["https://h/x"], "https://h", "https://h/", "rtmp://h/x", "HTTPS://h/x", "https://me:word@h/x"),
        *("https://h/x\n", "https://h/$x", 'https://h/"', "http://h/%n", "https://h:0/x", "https:h/x"),
    ],
)
def test_a_malformed_endpoint_is_refused(url: Any) -> None:
    message = refusal("obs_encoder", STREAM | {"whip_url": url}, service="whip_custom")
    assert "whip_url (or in obs_encoder_whip_urls)" in message
    assert "word" not in message


def test_the_service_decides_where_obs_sends() -> None:
    stream = stream_of("obs_encoder", stream={"rtmp_url": "rtmps://[2001:db8::1]/live"})
    assert (stream["host"], stream["port"], stream["whip_url"]) == ("[2001:db8::1]", 443, "")
