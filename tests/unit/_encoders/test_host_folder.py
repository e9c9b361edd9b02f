# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_folder import check_folder, check_root
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_task import HostTask

from tests.unit._encoders.answering_host import OF_OBS, OF_RELAY, AnsweringHost, task, task_of
from tests.unit._encoders.role_streams import ID, OTHER_ID, RECORD, STREAM

NOTHING: dict[str, Any] = {
    "foreign": "",
    "other_root": "",
    "claimed_by": "",
    "sent_elsewhere": [],
    "manager": "supervisord",
}
GONE = {"sessions": {}, "gone": {"Old/Show": {"id": OTHER_ID, "title": "Show"}}}
RECORD_OF_OLD = {"name": "old-00000000", "label": "Old/Show", "room_id": "", "title": "Show", "session_id": OTHER_ID}
STATES = ("started", "stopped", "absent", "gone")


@pytest.mark.parametrize("root", ["/srv/encoder", "/a/b.c/d-e_f+g"])
def test_a_root_of_its_own_is_accepted(root: str) -> None:
    check_root(task(root=root))


@pytest.mark.parametrize(
    "root", ["/", "/etc", "etc/x", "/etc/x/", "/etc/x\n", "/etc/$HOME", "/etc/a b", "/etc/..", "/a/./b", ""]
)
def test_a_root_that_is_not_plainly_its_own_is_refused(root: str) -> None:
    with pytest.raises(InvalidInput, match="ffmpeg_encoder_root must be an absolute path"):
        check_root(task(root=root))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            {"foreign": "/srv/app/log/today.log"},
            "_root (/srv/app) has a file that is not this role's, /srv/app/log/today.log, and none that is",
        ),
        (
            {"other_root": "/etc/old"},
            "are in /etc/old, and ffmpeg_encoder_root is /srv/app now. First take them off with ffmpeg_encoder_root:",
        ),
        (
            {"sent_elsewhere": [["/home/me/old", {"label": "Hall/Talk", "session_id": ID}]]},
            "an encoder of /home/me/old sends Hall/Talk already",
        ),
    ],
)
def test_a_folder_that_is_not_the_one_of_the_role_is_refused(found: dict[str, Any], message: str) -> None:
    wanted = [STREAM]
    check_folder(task(root="/srv/app"), NOTHING, (), wanted)
    with pytest.raises(InvalidInput) as raised:
        check_folder(task(root="/srv/app"), NOTHING | found, (), wanted)
    assert message in str(raised.value)
    assert str(raised.value).endswith("Nothing was changed.")


def refusal(asked: HostTask, found: dict[str, Any], there: Any = (), wanted: Any = ()) -> str:
    with pytest.raises(InvalidInput) as raised:
        check_folder(asked, NOTHING | found, there, wanted)
    assert str(raised.value).endswith("Nothing was changed.")
    return str(raised.value)


@pytest.mark.parametrize("state", STATES)
def test_a_folder_of_another_host_of_the_inventory_is_refused_unless_it_is_taken_over(state: str) -> None:
    asked = task(state, event=GONE)
    for found, there in (({"claimed_by": "enc2"}, []), ({}, [{"name": "a", "host": "enc2"}])):
        told = refusal(asked, found, there)
        assert "On enc1, the folder /etc/tenbyte-encoder (ffmpeg_encoder_root) belongs to enc2, another" in told
        assert "Give each a folder of its own, or remove one of the names." in told
        assert "If enc2 is another machine by now, ffmpeg_encoder_remove_all: true takes the folder over." in told
        warnings = check_folder(task(state, event=GONE, remove_all=True), NOTHING | found, there, ())
        assert bool(warnings) is (state == "started")
    assert "belongs to enc2" in refusal(asked, {"claimed_by": "enc2"}, [{"name": "a", "host": "enc1"}])


@pytest.mark.parametrize(
    ("claimed_by", "hosts"),
    [
        # The landed version has no file, and its records may have no host.
        ("", []),
        ("", [None]),
        ("", ["enc1"]),
        ("", ["enc2", "enc1"]),
        ("enc1", ["enc2"]),
        # No host of the inventory any more: it was renamed.
        ("enc0", ["enc2"]),
        ("", ["enc0"]),
        ("", [["enc2"]]),
    ],
)
@pytest.mark.parametrize("state", STATES)
def test_a_folder_of_this_host_or_of_nobody_is_used(state: str, claimed_by: str, hosts: list[Any]) -> None:
    there = [{"name": f"a{number}", **({"host": host} if host else {})} for number, host in enumerate(hosts)]
    assert check_folder(task(state, event=GONE), NOTHING | {"claimed_by": claimed_by}, there, ()) == []


def test_under_systemd_a_machine_has_one_folder_of_a_role() -> None:
    told = refusal(task(), {"claimed_by": "enc2", "manager": "systemd"})
    assert "Remove one of the names: under systemd" in told
    assert "a folder of its own" not in told
    person = refusal(task_of("obs_encoder", start=False), {"claimed_by": "enc2", "manager": "systemd"})
    assert "Give each a folder of its own" in person


@pytest.mark.parametrize(("role", "root"), [("rtmp_relay", OF_RELAY["root"]), ("obs_encoder", OF_OBS["root"])])
def test_the_folders_of_the_other_roles_belong_to_one_host_too(role: str, root: str) -> None:
    # In their records, the host is the one that a stream is sent to.
    check_folder(task_of(role), NOTHING, [{"name": "a", "host": "enc2"}], ())
    told = refusal(task_of(role), {"claimed_by": "enc2", "manager": "systemd"})
    assert f"{root} ({role}_root) belongs to enc2" in told


@pytest.mark.parametrize("role", ["ffmpeg_encoder", "rtmp_relay", "obs_encoder"])
@pytest.mark.parametrize("state", ["started", "stopped", "absent"])
def test_a_host_that_was_overtaken_says_the_same_as_one_that_came_later(role: str, state: str) -> None:
    asked = task(state) if role == "ffmpeg_encoder" else task_of(role, state)
    program: dict[str, Any] = (
        {"program": {"path": "/usr/bin/obs", "version": "OBS Studio - 30.0.0"}} if role == "obs_encoder" else {}
    )
    late, overtaken = AnsweringHost(claimed_by="enc2", **program), AnsweringHost(**program)
    overtaken.answer |= {"claimed_by": "enc2"}
    told = []
    for host in (late, overtaken):
        with pytest.raises(InvalidInput) as raised:
            host.bring(asked)
        told.append(str(raised.value))
    assert told[0] == told[1]
    assert late.changes == []
    (request,) = overtaken.changes
    assert (request["claim"]["host"], request["claim"]["found"]) == ("enc1", "")
    assert request["claim"]["path"] == overtaken.inspections[0]["claim"]


@pytest.mark.parametrize("role", ["ffmpeg_encoder", "rtmp_relay", "obs_encoder"])
def test_the_file_with_the_host_is_known_as_the_roles_and_goes_last(role: str) -> None:
    host = AnsweringHost()
    host.bring(task("absent") if role == "ffmpeg_encoder" else task_of(role, "absent"))
    (request,), (inspection,) = host.changes, host.inspections
    name = request["claim"]["path"].removeprefix(f"{request['root']}/")
    assert name in inspection["own_names"]
    assert request["absent"]["paths"][-1] == request["claim"]["path"]
    assert request["claim"]["root_mode"] == inspection["root_mode"]
    assert "tenbyte.webinar" in request["claim"]["content"]


def test_a_host_that_is_taken_over_says_what_it_found() -> None:
    host = AnsweringHost(claimed_by="enc2")
    result = host.bring(task(remove_all=True))
    assert host.changes[0]["claim"]["found"] == "enc2"
    assert "was that of enc2, and ffmpeg_encoder_remove_all gives it to enc1." in " ".join(result["warnings"])


OLD, OTHER = ["/home/me/old", RECORD_OF_OLD], ["/home/me/other", {**RECORD_OF_OLD, "label": "", "name": "show-1"}]


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_encoders_of_another_folder_are_not_taken_for_stopped(state: str) -> None:
    first, second = check_folder(task(state), NOTHING | {"sent_elsewhere": [OLD, OTHER]}, (), ())
    assert "encoders of /home/me/old go on with Old/Show" in first
    assert "encoders of /home/me/other go on with show-1" in second


@pytest.mark.parametrize("there", [[], [{"name": "a"}]])
def test_a_session_that_is_gone_and_sent_from_another_folder_is_not_removed(there: Any) -> None:
    told = refusal(task("gone", event=GONE), {"sent_elsewhere": [OLD, OTHER]}, there)
    assert "encoders of /home/me/old send Old/Show; encoders of /home/me/other send show-1, and ffmpeg" in told
    assert "Set ffmpeg_encoder_root to /home/me/old or /home/me/other, and run this again." in told
    stays = ["/home/me/old", {**RECORD_OF_OLD, "label": "New/Show", "session_id": ID}]
    assert check_folder(task("gone", event=GONE), NOTHING | {"sent_elsewhere": [stays]}, there, ()) == []


def test_streams_of_another_folder_that_are_not_wanted_here_are_left_alone() -> None:
    assert check_folder(task(), NOTHING | {"sent_elsewhere": [OLD]}, (), [STREAM]) == []


def test_what_goes_on_elsewhere_is_a_warning_of_the_result() -> None:
    for state in ("stopped", "absent"):
        host = AnsweringHost(records=[RECORD], sent_elsewhere=[OLD])
        (warning,) = host.bring(task(state))["warnings"]
        assert "go on with Old/Show" in warning
        assert len(host.changes) == 1
