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
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_convergence import HostProblem
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_streams import stream_name

from tests.unit._encoders.answering_host import KEY, ROOT, AnsweringHost, task
from tests.unit._encoders.role_streams import ID, OTHER_ID, RECORD, STREAM

NAME = stream_name("Main hall/Keynote")
GONE = {"sessions": {}, "gone": {"Old/Show": {"id": OTHER_ID, "title": "Show"}}}


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


@pytest.mark.parametrize("where", ["problem", "words"])
def test_a_key_that_a_program_has_said_is_not_repeated(where: str) -> None:
    host = AnsweringHost()
    said = f"it said last: {KEY} refused"
    host.answer |= (
        {"problem": said} if where == "problem" else {"off_air": [{"name": NAME, "state": "waiting", "words": said}]}
    )
    if where == "problem":
        with pytest.raises(HostProblem) as raised:
            host.bring(task())
        told = str(raised.value)
    else:
        (told,) = host.bring(task())["warnings"]
    assert KEY not in told
    assert "(the stream key) refused" in told


def test_why_a_stream_is_not_sent_is_in_what_is_watched() -> None:
    host = AnsweringHost(records=[[f"{NAME}.json", "{}"]])
    for state, unsent in (("on air", ""), ("waiting", "Main hall/Keynote: it says waiting.")):
        host.states = {NAME: {"state": state}}
        (stream,) = host.bring(task("watched"))["streams"]
        assert stream["encoder"]["unsent"] == unsent
