# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with a host of the relay is said before anything is changed, and what a push does in a sentence."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.relay_host import off_air, unsent

from tests.unit._encoders.answering_host import KEY, AnsweringHost, task_of
from tests.unit._encoders.role_streams import ID, STREAM

PUSH = "main-hall-keynote.primary"
RECORD = [f"{PUSH}.json", "{}"]
NO_NGINX: dict[str, Any] = {"program": {"path": "", "version": ""}, "places": ["", "/m/s.so"]}
SECURE = [STREAM | {"rtmp_url": "rtmps://h/x"}]
NAMED = {"label": "Hall/Talk", "name": "hall-talk.primary", "stream": "hall-talk"}


@pytest.mark.parametrize(
    ("found", "settings", "message"),
    [
        ({}, {"root": "/etc"}, "rtmp_relay_root must be an absolute path"),
        ({}, {"port": 0}, "rtmp_relay_port and rtmp_relay_push_port two different ports"),
        ({}, {"publishers": ["all"]}, "rtmp_relay_publishers"),
        ({}, {"health_interval": "often"}, "rtmp_relay_health_interval"),
        ({}, {"on_failure_units": ["x"]}, "rtmp_relay_on_failure_units"),
        ({"systemd": False}, {}, "needs systemd, which does not run on enc1"),
        ({"uid": 1000}, {}, "the user with the id 1000 may not do this: the role rtmp_relay needs root"),
        ({"programs": {"ffmpeg": ""}}, {"health_look": True}, "rtmp_relay_health_look needs ffmpeg on enc1"),
        ({"places": ["/m/r.so", "/m/s.so", ""]}, {"streams": SECURE}, "rtmp_relay_ca_path: enc1 has no /etc/ssl/certs"),
        (NO_NGINX, {}, "enc1 lacks nginx, ngx_rtmp_module.so. The relay needs"),
        ({"problem": "It needs Python 3.9"}, {}, "On enc1: It needs Python 3.9"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_changed(
    found: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    host = AnsweringHost(records=[RECORD], **found)
    streams = settings.pop("streams", [STREAM | {"hls_url": "https://h/x.m3u8"}])
    with pytest.raises(InvalidInput) as raised:
        host.bring(task_of("rtmp_relay", streams=streams, **settings))
    assert message in str(raised.value)
    assert (host.changes, host.asked_keys if "places" not in found else []) == ([], [])


def test_a_missing_program_is_returned_where_the_role_can_install_it_and_previewed_as_there() -> None:
    host = AnsweringHost(**NO_NGINX)
    first = host.bring(task_of("rtmp_relay"), install=True)
    assert (first["changed"], first["missing"], host.changes) == (False, "nginx, ngx_rtmp_module.so", [])
    host.bring(task_of("rtmp_relay"), check_mode=True)
    assert any("/usr/sbin/nginx" in (one["content"] or "") for one in host.changes[0]["present"]["files"])


def test_a_key_is_sent_only_if_the_host_has_another() -> None:
    host = AnsweringHost(keys=[f"{PUSH}.conf"], records=[RECORD])
    host.bring(task_of("rtmp_relay"))
    assert str(host.changes[0]).count(KEY) == 1
    (content,) = [one["content"] for one in host.changes[0]["present"]["files"] if KEY in (one["content"] or "")]
    host.kept = content
    host.bring(task_of("rtmp_relay"))
    assert KEY not in str(host.changes[1])
    assert host.asked_keys == [ID.lower()] * 2


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_without_systemd_nothing_keeps_a_host_from_being_cleaned(state: str) -> None:
    host = AnsweringHost(systemd=False, records=[RECORD])
    assert host.bring(task_of("rtmp_relay", state))["changed"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"state": "on air", "problem": ""}, ""),
        ({"state": "idle", "problem": ""}, "it is idle: no encoder publishes it as hall-talk to the relay"),
        ({"state": "idle", "problem": "its encoder has gone"}, "idle, its encoder has gone."),
        ({"state": "not on air", "problem": "h port 1 refuses"}, "not on air, h port 1 refuses."),
        ({}, "nothing is known of it."),
    ],
)
def test_why_a_push_is_not_sent_is_told_with_the_reason_of_its_health_check(said: dict[str, Any], words: str) -> None:
    sentence = unsent(task_of("rtmp_relay"), NAMED, said)
    assert (sentence == "") is (said.get("state") == "on air")
    assert words in sentence
    assert not sentence or sentence.startswith("Hall/Talk (hall-talk.primary) does not leave enc1: ")


def test_a_new_push_that_is_not_on_air_is_a_warning_with_the_reason() -> None:
    sentence, is_failure = off_air(task_of("rtmp_relay"), NAMED, {"state": "not on air", "words": "h port 1 refuses"})
    assert (sentence, is_failure) == (
        "Hall/Talk (hall-talk.primary) is not on air on enc1 yet: not on air, h port 1 refuses.",
        False,
    )


def test_pushes_are_watched_with_what_their_health_check_says_and_since_when_they_are_accepted() -> None:
    host = AnsweringHost(records=[RECORD])
    host.states = {PUSH: {"state": "on air", "problem": "", "seconds": 60.0}}
    (push,) = host.bring(task_of("rtmp_relay", "watched"))["streams"]
    assert (push["name"], push["stream"], push["encoder"]["unsent"]) == (PUSH, "main-hall-keynote", "")
    assert push["encoder"]["started"] == pytest.approx(time.time() - 60, abs=5)
    assert (host.changes, host.asked_keys) == ([], [])
    with pytest.raises(InvalidInput, match="Main hall/Keynote: enc1 has no such stream"):
        AnsweringHost().bring(task_of("rtmp_relay", "watched"))
