# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_task import (
    check_rights,
    check_streams_known,
    check_waits,
    decision,
    mistyped_options,
    on_host,
    unknown_names,
    without_settings,
)

from tests.unit._encoders.answering_host import task
from tests.unit._encoders.role_streams import STREAM, stream_of


@pytest.mark.parametrize("name", ["start_timeout", "verify_timeout"])
def test_nobody_waits_for_less_than_no_time(name: str) -> None:
    asked, settings = task(), task().settings
    good: list[Any] = [0, 86400, "60"]
    bad: list[Any] = [-1, 86401, "soon", None, True]
    for seconds in good:
        check_waits(replace(asked, settings={**settings, name: seconds}))
    for seconds in bad:
        with pytest.raises(InvalidInput, match=f"ffmpeg_encoder_{name} takes 0 to 86400 seconds"):
            check_waits(replace(asked, settings={**settings, name: seconds}))


SESSIONS: dict[str, Any] = {"Main hall/Keynote": {}, "Main hall/Panel": {}}
OWN = {"type": "file", "path": "/srv/film.mp4"}


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({}, ""),
        ({"Main hall/Keynote": OWN}, ""),
        # For another host of this event.
        ({"Main hall/Panel": OWN}, ""),
        # This one is of another event, perhaps, and nothing of this host gets what it should not.
        ({"Main hall/Keynote": OWN, "Side hall/Talk": OWN}, ""),
        (
            {"Main hall/Keynot": OWN},
            "names Main hall/Keynot, and no session of this run is called so. Main hall/Keynote is",
        ),
        ({"Keynote": OWN, "x": OWN}, "names Keynote, x, and no session"),
        ([], ""),
    ],
)
def test_a_name_that_no_session_has_is_told_where_a_stream_goes_without(sources: Any, expected: str) -> None:
    wanted = [stream_of("ffmpeg_encoder")]
    asked = task(event={"sessions": SESSIONS}, sources=sources)
    assert expected in " ".join(unknown_names(asked, wanted))
    assert bool(unknown_names(asked, wanted)) is bool(expected)
    # Nothing says which sessions there are.
    assert unknown_names(task(sources=sources), wanted) == []


OPTIONS_OF_ROLE = [f"ffmpeg_encoder_{one}" for one in ("source", "sources", "stall_timeout", "state", "root")]


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("ffmpeg_encoder_stal_timeout", "stall_timeout"),
        ("ffmpeg_encoder_source_s", "sources"),
        ("ffmpeg_encoder_soruce", "source"),
        ("ffmpeg_encoder_rooot", "root"),
        ("ffmpeg_encoder_source", ""),
        # Users' own variables.
        ("ffmpeg_encoder_source2", ""),
        ("ffmpeg_encoder_source_2", ""),
        ("ffmpeg_encoder_source_url", ""),
        ("ffmpeg_encoder_hall_a_source", ""),
        ("ffmpeg_encoder_timeout", ""),
        ("my_ffmpeg_encoder_stal_timeout", ""),
        ("__ffmpeg_encoder_rooot", ""),
    ],
)
def test_a_variable_that_is_nearly_called_like_an_option_is_told(variable: str, meant: str) -> None:
    expected = f"{variable} is no option of the role ffmpeg_encoder. Did you mean ffmpeg_encoder_{meant}?"
    variables = {variable: 20, "ffmpeg_encoder_root": "/srv/encoder"}
    assert mistyped_options("ffmpeg_encoder", variables, OPTIONS_OF_ROLE) == ([expected] if meant else [])


@pytest.mark.parametrize(
    ("uid", "writable", "needs_root", "is_allowed"),
    [(0, True, True, True), (1, True, True, False), (1, True, False, True), (0, False, False, False)],
)
def test_the_user_needs_a_folder_to_write_to_and_perhaps_root(
    uid: int, writable: bool, needs_root: bool, is_allowed: bool
) -> None:
    found = {"uid": uid, "writable": writable}
    if is_allowed:
        check_rights(task(), found, needs_root=needs_root, needs="this")
        return
    with pytest.raises(InvalidInput, match=f"id {uid} may not do this: this. Set become to true"):
        check_rights(task(), found, needs_root=needs_root, needs="this")


def test_the_streams_of_a_host_are_those_with_a_record_or_a_key() -> None:
    found = {"keys": [["a-00000000.ffpreset", "digest"]], "records": [["b-00000001.json", '{"label":\n "B"}']]}
    assert on_host(task(), found) == [{"label": "B", "name": "b-00000001"}, {"name": "a-00000000"}]


def test_a_list_of_a_scope_takes_away_what_it_has_put_there() -> None:
    there: list[dict[str, Any]] = [
        {"name": "a", "label": "A/A", "by_list": True, "scope": "mine"},
        {"name": "b", "label": "B/B", "by_list": True, "scope": "other"},
    ]
    asked = task(scope="mine")
    decided = decision(replace(asked, by_list=True), there, [stream_of("ffmpeg_encoder")])
    assert (decided.remove, decided.left) == (("a",), ("b",))
    assert decision(task("absent"), there, []).remove == ("a", "b")


def test_an_empty_list_needs_a_scope() -> None:
    with pytest.raises(InvalidInput, match="ffmpeg_encoder_streams is an empty list, and that needs") as raised:
        check_streams_known(replace(task(streams=[]), is_list_given=True))
    assert "ffmpeg_encoder_scope" in str(raised.value)
    with pytest.raises(InvalidInput, match="Neither ffmpeg_encoder_streams nor the fact"):
        check_streams_known(task(streams=[]))
    check_streams_known(replace(task(streams=[], scope="mine"), is_list_given=True))


def test_a_stream_is_not_taken_off_for_an_encoder_that_is_no_host() -> None:
    session = {"title": "A", "room_id": "", "encoder": "enc11"}
    event = {"sessions": {"A/A": session, "B/B": {**session, "title": "B", "encoder": "enc1"}}}
    there = [{"name": "a", "label": "A/A"}, {"name": "b", "label": "B/B"}]
    wanted = [stream_of("ffmpeg_encoder") | {"name": "b", "label": "B/B"}]
    with pytest.raises(InvalidInput, match="This would take A/A off enc1, because its encoder enc11 is no host"):
        decision(task(event=event), there, wanted)
    assert decision(task(event=event, remove_all=True), there, wanted).remove == ("a",)


def test_a_result_has_no_settings_of_a_stream() -> None:
    one = stream_of("ffmpeg_encoder", source={"type": "url", "url": "rtsp://me:word@camera/main"})
    assert "word" not in str(without_settings(one))
    assert without_settings(one)["label"] == STREAM["label"]
