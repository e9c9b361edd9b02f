# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode of an event that is new: its sessions have no id, URL or key, and all else of their streams is checked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_streams import stream_name
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_task import HostTask

from tests.unit._encoders.answering_host import KEY, AnsweringHost, task, task_of
from tests.unit._encoders.role_streams import ID, STREAM, settled

ROLES = ("ffmpeg_encoder", "rtmp_relay", "obs_encoder")
NEW = dict.fromkeys(("session_id", "room_id", "rtmp_url", "hls_url", "stream_key_fingerprint"))
PLANNED = {**STREAM, **NEW, "title": "Panel", "label": "Main hall/Panel"}
BREAK = {**PLANNED, "title": "Break", "label": "Main hall/Break"}
SESSIONS = {
    "Main hall/Keynote": {**STREAM, "id": ID, "encoder": "enc1"},
    "Main hall/Panel": {**PLANNED, "id": None, "encoder": "enc1"},
    "Main hall/Break": {**BREAK, "id": None, "encoder": "enc1"},
}


def asked(role: str, *streams: Any, **settings: Any) -> HostTask:
    event = {"sessions": SESSIONS}
    if role == "ffmpeg_encoder":
        return task(streams=streams, event=event, **settings)
    return task_of(role, streams=streams, event=event, **settings)


@pytest.mark.parametrize("role", ROLES)
def test_a_stream_of_a_session_to_be_created_is_shown_and_has_no_key(role: str) -> None:
    host = AnsweringHost()
    if role == "obs_encoder":
        host.found["program"] = {"path": "/usr/bin/obs", "version": "OBS Studio - 30.0.2"}
    result = host.bring(asked(role, STREAM, PLANNED, BREAK), check_mode=True)
    assert [one["session_id"] for one in result["streams"]] == [ID.lower(), None, None]
    assert host.asked_keys == [ID.lower()]
    present = host.changes[0]["present"]
    names = [one["name"] for one in result["streams"]]
    assert [one["name"] for one in present["streams"]] == names
    for name in names:
        assert any(name in file["path"] for file in present["files"])
    notes = [file["note"] for file in present["files"] if file["note"].startswith("stream key")]
    assert notes == ["stream key (no fingerprint)"] + ["stream key (its session does not exist yet)"] * 2
    assert json.dumps(host.changes).count(KEY) == 1


@pytest.mark.parametrize("role", ROLES)
def test_a_real_run_and_a_list_of_the_user_need_the_session(role: str) -> None:
    host = AnsweringHost()
    for stream, check_mode in ((PLANNED, False), ({**PLANNED, "label": "Main hall/Other"}, True)):
        with pytest.raises(InvalidInput, match="session_id: it is missing"):
            host.bring(asked(role, stream), check_mode=check_mode)
    assert host.changes == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sources": {"Main hall/Panel": {"type": "fil"}}}, "Main hall/Panel: ffmpeg_encoder_sources: a source needs"),
        ({"slate": {"type": "colour"}}, "a slate needs a type"),
        ({"profile": {"name": "1080p"}}, "a profile needs a name"),
    ],
)
def test_what_a_new_stream_shows_is_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        AnsweringHost().bring(asked("ffmpeg_encoder", PLANNED, **settings), check_mode=True)


def test_the_files_of_a_new_stream_are_looked_for_on_the_host() -> None:
    host = AnsweringHost()
    host.found["media"] = [{"path": "/srv/film.mp4", "readable": False, "readable_by_others": False}]
    with pytest.raises(InvalidInput, match=r"/srv/film\.mp4 must be a file on enc1"):
        host.bring(asked("ffmpeg_encoder", PLANNED, source={"type": "file", "path": "/srv/film.mp4"}), check_mode=True)
    assert host.inspections[0]["look"]["streams"][0]["label"] == "Main hall/Panel"


def test_a_stream_whose_session_is_to_be_replaced_keeps_its_name() -> None:
    name = stream_name("Main hall/Panel")
    host = AnsweringHost(records=[[f"{name}.json", json.dumps({"label": "Main hall/Panel", "session_id": ID})]])
    result = host.bring(asked("ffmpeg_encoder", PLANNED), check_mode=True)
    assert ([one["name"] for one in result["streams"]], host.changes[0]["leaving"]) == ([name], [])


def test_words_of_a_host_stay_as_they_are_where_no_key_is_known() -> None:
    host = AnsweringHost()
    host.answer = {"changed": True, "problem": "", "off_air": [], "unreached": ["no key here"]}
    result = host.bring(asked("ffmpeg_encoder", PLANNED), check_mode=True)
    assert result["warnings"] == ["On enc1: no key here"]


def test_a_planned_backup_gets_a_push_too() -> None:
    options = {"backups": {"Main hall/Keynote": ["Main hall/Panel"]}, "sessions": SESSIONS}
    first, second = settled("rtmp_relay", STREAM, planned=["Main hall/Panel"], **options)["pushes"]
    assert (first["session_id"], second["session_id"]) == (ID.lower(), None)
    assert second["stream_session_id"] == ID.lower()


def test_health_look_and_whip_do_not_ask_for_urls_that_nobody_knows_yet() -> None:
    planned = {"planned": ["Main hall/Panel"]}
    (stream,) = settled("obs_encoder", PLANNED, service="whip_custom", health_look=True, **planned)["streams"]
    assert (stream["hls_url"], stream["whip_url"]) == ("", "(not known yet)")
    (own,) = settled(
        "obs_encoder",
        PLANNED,
        service="whip_custom",
        whip_urls={"Main hall/Panel": "https://whip.example/a"},
        **planned,
    )["streams"]
    assert own["whip_url"] == "https://whip.example/a"
