# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with a host of OBS is said before anything is changed, and what a stream does in a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_convergence import HostProblem
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.obs_host import unsent

from tests.unit._encoders.answering_host import KEY, AnsweringHost, task_of
from tests.unit._encoders.role_streams import ID, STREAM

NAME = ID.lower()
PROGRAM: dict[str, Any] = {"path": "/usr/bin/obs", "version": "OBS Studio - 29.0.2"}
IMAGE: dict[str, Any] = {"source": {"type": "image", "path": "/srv/a.png"}}
PERSON: dict[str, Any] = {"start": False, "user": "me"}
WHIP = {"service": "whip_custom", "whip_urls": {"Main hall/Keynote": "https://h/x"}}
FILE = {"path": "/srv/a.png", "is_file": True, "readable": True, "readable_by_others": True, "problem": ""}
XVFB_MISSING = {"xvfb-run": "/x", "Xvfb": "", "xauth": "/x", "ss": "/x"}


def host(**found: Any) -> AnsweringHost:
    return AnsweringHost(**{"program": PROGRAM, "media": [FILE], **found})


@pytest.mark.parametrize(
    ("found", "settings", "message"),
    [
        ({}, {"root": "/etc"}, "obs_encoder_root must be an absolute path"),
        ({}, {"profile": {"size": "720p"}}, "obs_encoder_profile: a size is like 1280x720"),
        ({}, {"source": {"type": "tape"}}, "obs_encoder_source: a source needs a type"),
        ({}, {"start": False}, "obs_encoder_user must name the user"),
        ({"systemd": False}, {}, "Set obs_encoder_start to false"),
        ({"uid": 1000}, {}, "the user with the id 1000 may not do this: the role obs_encoder needs root"),
        ({}, PERSON, "enc1 has no user me. Set obs_encoder_user"),
        ({"programs": {**XVFB_MISSING, "ffmpeg": ""}}, {"health_look": True}, "obs_encoder_health_look needs ffmpeg"),
        ({"program": {"path": "", "version": ""}}, {}, "enc1 lacks obs. Install"),
        ({"programs": XVFB_MISSING}, {}, "enc1 lacks Xvfb. Install"),
        ({"program": {**PROGRAM, "version": "OBS Studio - 27.2.4"}}, {}, "is no OBS 28 or later: it says version 27"),
        ({"program": {**PROGRAM, "version": ""}}, {}, "it says version 0"),
        ({}, WHIP, "OBS 29 on enc1 does not know whip_custom"),
        ({"media": [FILE | {"readable_by_others": False}]}, IMAGE, "/srv/a.png must be a file on enc1"),
        (
            {"media": [FILE | {"problem": "it is empty"}]},
            IMAGE,
            "/srv/a.png on enc1: it is empty. Set obs_encoder_source",
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_changed(
    found: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    answering = host(records=[[f"{NAME}/place.json", "{}"]], **found)
    streams = [STREAM | {"hls_url": "https://h/x.m3u8"}]
    with pytest.raises(InvalidInput) as raised:
        answering.bring(task_of("obs_encoder", streams=streams, **settings))
    assert message in str(raised.value)
    assert answering.changes == []


def test_a_person_may_have_a_file_that_nobody_else_can_read_and_needs_neither_systemd_nor_a_display() -> None:
    found = {"systemd": False, "programs": {}, "media": [FILE | {"readable_by_others": False}]}
    answering = host(account={"home": "/home/me", "uid": 1000, "gid": 1000}, **found)
    assert answering.bring(task_of("obs_encoder", **IMAGE, **PERSON))["changed"]


def test_a_missing_program_is_returned_where_the_role_can_install_it_and_previewed_as_there() -> None:
    answering = host(program={"path": "", "version": ""}, programs=XVFB_MISSING)
    first = answering.bring(task_of("obs_encoder"), install=True)
    assert (first["changed"], first["missing"], answering.changes) == (False, "obs, Xvfb", [])
    assert answering.bring(task_of("obs_encoder"), check_mode=True)["changed"]


def test_a_key_is_sent_only_if_the_host_has_another() -> None:
    answering = host(keys=[f"{NAME}.json"])
    answering.bring(task_of("obs_encoder"))
    (content,) = [one["content"] for one in answering.changes[0]["present"]["files"] if KEY in (one["content"] or "")]
    answering.kept = content
    answering.bring(task_of("obs_encoder"))
    assert KEY not in str(answering.changes[1])


def test_a_new_stream_that_is_not_on_air_fails_with_the_reason_and_without_its_key() -> None:
    answering = host()
    said = f"ingest.example port 1935 refuses, it said last: {KEY} failed"
    answering.answer |= {"off_air": [{"name": NAME, "state": "not on air", "words": said}]}
    with pytest.raises(HostProblem) as raised:
        answering.bring(task_of("obs_encoder"))
    assert "Main hall/Keynote is not on air on enc1: not on air, ingest.example port 1935" in str(raised.value)
    assert "obs_encoder_start_timeout to 0" in str(raised.value)
    assert KEY not in str(raised.value)
    assert raised.value.result["changed"]


@pytest.mark.parametrize("state", ["started", "stopped"])
def test_a_person_who_cannot_be_reached_is_a_warning(state: str) -> None:
    answering = host(records=[[f"{NAME}/place.json", "{}"]])
    answering.answer |= {"unreached": ["/home/me is not there."]}
    done = answering.bring(task_of("obs_encoder", state))
    assert done["warnings"] == ["On enc1: /home/me is not there."]
    assert "unreached" not in done


@pytest.mark.parametrize(
    ("settings", "said", "words"),
    [
        ({}, {"state": "on air"}, ""),
        ({}, {"state": "running"}, ""),
        (PERSON, {}, ""),
        ({}, {"state": "not on air", "problem": "h port 1 refuses"}, "not on air, h port 1 refuses."),
        ({}, {}, "nothing is known of it."),
    ],
)
def test_why_a_stream_is_not_sent_is_told_with_the_reason_of_its_health_check(
    settings: dict[str, Any], said: dict[str, Any], words: str
) -> None:
    sentence = unsent(task_of("obs_encoder", "watched", **settings), {"label": "Hall/Talk"}, said)
    assert (words in sentence, sentence == "") == (True, words == "")


@pytest.mark.parametrize("settings", [{}, PERSON], ids=["unattended", "person"])
def test_streams_are_watched_unless_a_person_sends_them(settings: dict[str, Any]) -> None:
    answering = host(records=[[f"{NAME}/place.json", "{}"]])
    answering.states = {NAME: {"state": "not on air", "problem": "refused", "running_seconds": 5.0}}
    (stream,) = answering.bring(task_of("obs_encoder", "watched", **settings))["streams"]
    assert ("not on air, refused." in stream["encoder"]["unsent"]) is (settings == {})
    assert ("started" in stream["encoder"]) is (settings == {})
    assert answering.changes == []
