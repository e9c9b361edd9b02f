# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with a host is said before the first change, and what a stream does in a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_convergence import HostProblem

from tests.unit._encoders.answering_host import AnsweringHost, task
from tests.unit._encoders.role_streams import RECORD, STREAM

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


def test_a_stream_that_has_given_up_fails_with_the_reason_and_is_not_said_to_be_tried_again() -> None:
    host = AnsweringHost()
    host.answer = off_air("refused", "Broken pipe")
    with pytest.raises(HostProblem) as failed:
        host.bring(task())
    assert "has given up: the ingest refuses its key" in str(failed.value)
    assert "Broken pipe" in str(failed.value)
    assert "tries again" not in str(failed.value)


def test_a_host_that_cannot_look_at_sources_is_told_of_once() -> None:
    host = AnsweringHost(look={"problems": [], "warning": "There is no ffprobe.", "error": ""})
    host.answer = off_air("waiting", "")
    for check_mode in (False, True):
        warnings = host.bring(task(), check_mode=check_mode)["warnings"]
        assert [one for one in warnings if "ffprobe" in one] == ["enc1: There is no ffprobe."]
        assert len(warnings) == 2


def test_a_missing_ffmpeg_is_returned_where_the_role_can_install_it_and_previewed_as_there() -> None:
    host = AnsweringHost(**MISSING_FFMPEG)
    first = host.bring(task(), install=True)
    assert (first["changed"], first["missing"], host.changes) == (False, "ffmpeg", [])
    host.bring(task(), check_mode=True)
    assert '"ffmpeg"' in host.changes[0]["present"]["files"][4]["content"]


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("binary", "install", "way_out"),
    [
        ("ffmpeg", False, "set ffmpeg_encoder_install to true"),
        ("/usr/bin/ffmpeg", False, "set ffmpeg_encoder_install to true"),
        ("ffmpegg", False, "ffmpeg_encoder_binary names no program there"),
        ("ffmpegg", True, "ffmpeg_encoder_binary names no program there"),
        ("/nope/ffmpeg", True, "ffmpeg_encoder_binary names no program there"),
    ],
)
def test_a_program_that_no_package_brings_is_refused_in_check_mode_too(
    binary: str, install: bool, way_out: str, check_mode: bool
) -> None:
    host = AnsweringHost(**MISSING_FFMPEG)
    with pytest.raises(InvalidInput) as raised:
        host.bring(task(binary=binary, install=install), check_mode=check_mode)
    assert str(raised.value).startswith(f"There is no {binary} on enc1. ")
    assert way_out in str(raised.value)
    assert "leave" not in str(raised.value)
    assert host.changes == []


def test_supervisord_is_needed_only_where_there_are_streams() -> None:
    host = AnsweringHost("supervisord", **SUPERVISORD_MISSING)
    assert host.bring(task("absent"))["changed"]
    host.found["records"] = [RECORD]
    with pytest.raises(InvalidInput, match="There is no supervisord"):
        host.bring(task("absent"))


@pytest.mark.parametrize("manager", ["systemd", "supervisord"])
@pytest.mark.parametrize("noted", ["systemd", "supervisord", None])
@pytest.mark.parametrize("state", ["started", "stopped", "absent"])
def test_streams_that_another_service_manager_runs_are_taken_off_with_that_one_first(
    manager: str, noted: str | None, state: str
) -> None:
    file, text = RECORD
    more = {} if noted is None else {"manager": noted}
    host = AnsweringHost(manager, records=[[file, json.dumps({**json.loads(text), **more})]])
    if noted in (None, manager):
        host.bring(task(state))
        return
    with pytest.raises(
        InvalidInput, match=rf"On enc1, {noted} runs Old/Show, and this run is for {manager}.*absent"
    ) as raised:
        host.bring(task(state))
    assert f"ffmpeg_encoder_service_manager: {noted}" in str(raised.value)
    assert host.changes == []
