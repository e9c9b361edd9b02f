# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of a run: what is wrong is said before the first change, and a key is read only to be written."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.ffmpeg_host import HostProblem
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_streams import stream_name

from tests.unit._encoders.answering_host import KEY, ROOT, AnsweringHost, task
from tests.unit._encoders.role_streams import ID, OTHER_ID, STREAM

NAME = stream_name("Main hall/Keynote")
OTHER = {"name": "old-00000000", "label": "Old/Show", "session_id": OTHER_ID}
RECORD = ["old-00000000.json", json.dumps(OTHER)]
GONE = {"sessions": {}, "gone": {"Old/Show": {"id": OTHER_ID, "title": "Show"}}}
SUPERVISORD_MISSING = {"supervisord": {"missing": ["supervisord"], "says": ""}}
SUPERVISORD_SILENT = {"supervisord": {"missing": [], "says": "refused connection"}}
OTHER_CONFIG = {"supervisord_config": "/etc/supervisord.conf"}
MISSING_FFMPEG: dict[str, Any] = {"program": {"path": "", "version": ""}}
FILE = {"source": {"type": "file", "path": "/srv/film.mp4"}}


def medium(*, readable: bool, others: bool) -> dict[str, Any]:
    return {"path": "/srv/film.mp4", "is_file": True, "readable": readable, "readable_by_others": others}


@pytest.mark.parametrize(
    ("manager", "found", "settings", "message"),
    [
        ("systemd", {}, {"root": "/etc"}, "ffmpeg_encoder_root must be an absolute path"),
        ("systemd", {}, {"root": "/etc/../x"}, "ffmpeg_encoder_root must be an absolute path"),
        ("systemd", {"systemd": False}, {}, "systemd does not run on enc1"),
        ("systemd", {"uid": 1000}, {}, "the user with the id 1000 may not do this: under systemd the role needs root"),
        ("supervisord", {"writable": False}, {}, "may not do this"),
        ("supervisord", SUPERVISORD_MISSING, {}, "There is no supervisord on enc1"),
        ("supervisord", SUPERVISORD_SILENT, OTHER_CONFIG, "supervisorctl answers: refused connection. Nothing"),
        ("supervisord", {}, {"root": f"/{'x' * 70}/{'y' * 20}"}, "too long for a socket"),
        ("systemd", {"media": [medium(readable=True, others=False)]}, FILE, "/srv/film.mp4 must be a file on enc1"),
        ("supervisord", {"media": [medium(readable=False, others=True)]}, FILE, "/srv/film.mp4 must be a file on enc1"),
        ("systemd", MISSING_FFMPEG, {}, "There is no ffmpeg on enc1"),
        ("systemd", {"look": {"problems": ["Hall/A: no.", "Hall/B: no."], "error": ""}}, {}, "Hall/A: no. Hall/B: no."),
        (
            "systemd",
            {"look": {"problems": [], "error": "No module"}},
            {},
            "The media files on enc1 cannot be looked at",
        ),
        ("systemd", {"problem": "It needs Python 3.9"}, {}, "On enc1: It needs Python 3.9"),
        ("systemd", {"records": [RECORD]}, {"profile": {"name": "best"}}, "a profile needs a name"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_changed(
    manager: str, found: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    host = AnsweringHost(manager, **found)
    if "root" in settings and manager == "supervisord":
        settings = {**settings, "supervisord_config": f"{settings['root']}/supervisord.conf"}
    with pytest.raises(InvalidInput) as raised:
        host.bring(task(**settings))
    assert message in str(raised.value)
    assert host.changes == []


@pytest.mark.parametrize(
    ("version", "is_accepted"),
    [
        ("ffmpeg version 5.1.9-0+deb12u1 Copyright", True),
        ("ffmpeg version n8.0.1 Copyright", True),
        ("ffmpeg version 4.4.2 Copyright", False),
        ("ffmpeg version 9.0.2 Copyright", False),
        ("ffmpeg version N-112233-gabcdef", False),
        ("", False),
    ],
)
def test_an_ffmpeg_that_would_not_read_the_key_from_a_file_is_refused(version: str, is_accepted: bool) -> None:
    host = AnsweringHost(program={"path": "/usr/bin/ffmpeg", "version": version})
    if is_accepted:
        assert host.bring(task())["changed"]
        return
    with pytest.raises(InvalidInput, match="versions 5 to 8 do"):
        host.bring(task())


def off_air(state: str, words: str = "") -> dict[str, Any]:
    name = AnsweringHost().bring(task())["streams"][0]["name"]
    return {"changed": True, "problem": "", "off_air": [{"name": name, "state": state, "words": words}]}


def test_a_stream_that_is_not_on_air_yet_gives_a_warning_with_ffmpegs_last_words() -> None:
    host = AnsweringHost()
    host.answer = off_air("waiting", "rtsp://camera: Connection refused")
    (warning,) = host.bring(task())["warnings"]
    assert f"{STREAM['label']}: its encoder on enc1 is not on air yet (waiting)" in warning
    assert "ffmpeg said last: rtsp://camera: Connection refused" in warning
    host.answer = {"changed": True, "problem": "", "off_air": []}
    assert "warnings" not in host.bring(task())


def test_a_stream_whose_source_can_never_be_sent_fails_with_the_reason() -> None:
    host = AnsweringHost()
    host.answer = off_air("unsendable", "its source has a picture in hevc. Use a profile that encodes.")
    with pytest.raises(HostProblem, match="a picture in hevc") as raised:
        host.bring(task())
    assert STREAM["label"] in str(raised.value)


def test_a_missing_ffmpeg_is_returned_where_the_role_can_install_it_and_previewed_as_there() -> None:
    host = AnsweringHost(**MISSING_FFMPEG)
    first = host.bring(task(), install=True)
    assert (first["changed"], first["missing"], host.changes) == (False, "ffmpeg", [])
    host.bring(task(), check_mode=True)
    assert '"ffmpeg"' in host.changes[0]["present"]["files"][4]["content"]


def test_a_key_is_checked_before_the_first_change_and_sent_only_if_the_host_has_another() -> None:
    host = AnsweringHost(keys=[f"{NAME}.ffpreset"], records=[[f"{NAME}.json", "{}"]])
    host.kept_key = KEY
    host.bring(task())
    assert KEY not in json.dumps(host.changes)
    host.kept_key = "an-earlier-key"
    host.bring(task())
    assert json.dumps(host.changes[1]).count(KEY) == 1
    assert host.asked_keys == [ID.lower()] * 2
    assert KEY not in json.dumps(host.inspections)
    secrets = {one["secret"] for one in host.inspections}
    assert len(secrets) == 2
    host.stream_key = "two words"
    with pytest.raises(InvalidInput, match="characters that do not belong in one") as raised:
        host.bring(task())
    assert "two words" not in str(raised.value)
    assert len(host.changes) == 2


def test_a_key_among_the_settings_is_refused() -> None:
    host = AnsweringHost()
    with pytest.raises(InvalidInput, match="must not hold the stream key"):
        host.bring(task(profile={"name": "x264", "output_options": ["-metadata", f"x={KEY}"]}))
    assert host.changes == []


def test_streams_that_leave_and_streams_that_stay_are_decided_from_the_records() -> None:
    host = AnsweringHost(records=[RECORD, ["other-00000001.json", '{"label": "Other/Show"}']])
    result = host.bring(task(event=GONE))
    assert result["left"] == ["other-00000001"]
    (request,) = host.changes
    (leaving,) = request["leaving"]
    assert leaving["name"] == "old-00000000"
    assert leaving["paths"][-1] == f"{ROOT}/about/old-00000000.json"
    assert request["absent"] is None
    assert [one["name"] for one in result["streams"]] == [NAME]
    assert "source" not in result["streams"][0]


def test_a_host_is_not_emptied_without_being_asked_to() -> None:
    event = {"sessions": {"Old/Show": {"id": OTHER_ID, "title": "Show", "encoder": "encl"}}}
    host = AnsweringHost(records=[RECORD])
    with pytest.raises(InvalidInput, match="This would take all streams off enc1: Old/Show"):
        host.bring(task(streams=[], event=event))
    host.bring(task(streams=[], event=event, remove_all=True))
    assert [one["name"] for one in host.changes[0]["leaving"]] == ["old-00000000"]


@pytest.mark.parametrize(("state", "message"), [("started", "set ffmpeg_encoder_streams"), ("gone", "are gone")])
@pytest.mark.parametrize("stale", [True, False])
def test_without_facts_of_this_run_nothing_is_decided(state: str, message: str, stale: bool) -> None:
    host = AnsweringHost(records=[RECORD])
    with pytest.raises(InvalidInput) as raised:
        host.bring(task(state, streams=[], event={"stale": stale}))
    assert message in str(raised.value).replace("Or set", "set")
    assert "--limit localhost,enc1" in str(raised.value)
    assert ("of another run and does not count" in str(raised.value)) is stale
    assert (host.inspections, host.changes) == ([], [])


def test_gone_removes_what_is_gone_and_with_the_last_stream_what_all_share() -> None:
    host = AnsweringHost(records=[RECORD])
    result = host.bring(task("gone", event=GONE))
    assert host.changes[0]["absent"]["units"] == ["tenbyte-encoder@.service"]
    assert result["left"] == []
    host = AnsweringHost(records=[RECORD, ["other-00000001.json", '{"label": "Other/Show"}']])
    host.bring(task("gone", event=GONE))
    assert host.changes[0]["absent"] is None
    assert host.asked_keys == []


def test_stopped_and_absent_concern_every_stream_of_the_host() -> None:
    host = AnsweringHost(records=[RECORD], keys=["older-00000002.ffpreset"])
    host.bring(task("stopped"))
    host.bring(task("absent"))
    stopped, absent = host.changes
    assert stopped["stopping"] == [one["name"] for one in absent["leaving"]] == ["old-00000000", "older-00000002"]
    assert (stopped["leaving"], stopped["absent"]) == ([], None)
    assert host.asked_keys == []


def test_supervisord_is_needed_only_where_there_are_streams() -> None:
    host = AnsweringHost("supervisord", **SUPERVISORD_MISSING)
    assert host.bring(task("absent"))["changed"]
    host.found["records"] = [RECORD]
    with pytest.raises(InvalidInput, match="There is no supervisord"):
        host.bring(task("absent"))


def test_what_the_host_cannot_do_is_told_with_what_was_done() -> None:
    host = AnsweringHost()
    host.answer = {"changed": True, "written": [ROOT], "problem": "systemctl restart has failed: Job failed."}
    with pytest.raises(HostProblem) as raised:
        host.bring(task())
    assert str(raised.value) == "On enc1: systemctl restart has failed: Job failed."
    assert raised.value.result == {"changed": True, "written": [ROOT]}


def test_streams_are_watched_with_what_they_say_and_since_when_they_run() -> None:
    host = AnsweringHost(records=[[f"{NAME}.json", "{}"]])
    host.states = {NAME: {"state": "on air", "running_seconds": 60.0}}
    result = host.bring(task("watched"))
    (stream,) = result["streams"]
    assert (result["manager"], stream["label"], stream["encoder"]["state"]) == (
        "systemd",
        "Main hall/Keynote",
        "on air",
    )
    assert stream["encoder"]["started"] == pytest.approx(time.time() - 60, abs=5)
    assert host.inspections[-1]["watched"]["names"] == [NAME]
    assert (host.changes, host.asked_keys) == ([], [])


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        ([STREAM], "Main hall/Keynote: enc1 has no such stream"),
        ([STREAM | {"session_id": None}], "Keynote: there is no such session"),
        ([], "Neither ffmpeg_encoder_streams nor the fact tenbyte_sessions says"),
    ],
)
def test_only_streams_that_were_put_on_the_host_can_be_verified(streams: list[Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        AnsweringHost().bring(task("watched", streams=streams))
