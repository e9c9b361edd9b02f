# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_requests import Change
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_task import HostTask, settled
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.relay_requests import (
    FRONT,
    convergence,
    inspection,
    modules_of,
)

from tests.unit._encoders.answering_host import KEY, UNITS_OF_HEALTH_CHECK, AnsweringHost, task_of
from tests.unit._encoders.role_streams import STREAM

ROOT, UNITS = "/etc/tenbyte-relay", "/etc/systemd/system"
PUSH = "main-hall-keynote.primary"
HEALTH = UNITS_OF_HEALTH_CHECK["rtmp_relay"]
OTHER = {"name": "old.primary", "label": "Hall/Old", "push_address": "127.70.0.1", "push_port": 20000}
CONF = 'push unix:/r/old.primary.sock name=old;\n"publish:old" 1;\npush unix:/r/talk.primary.sock name=talk;\n'


def relay_task(state: str = "started", **settings: Any) -> HostTask:
    return task_of("rtmp_relay", state, **settings)


def request(asked: HostTask | None = None, **parts: Any) -> dict[str, Any]:
    asked = asked or relay_task()
    wanted = settled(asked, ()) if asked.state == "started" else None
    keys = {str(one["name"]): KEY for one in wanted or ()}
    change = Change(wanted=wanted, stream_keys=keys, secret=b"s" * 32, **parts)
    return convergence(asked, AnsweringHost(**parts.pop("found", {})).found, change)


def test_a_record_comes_before_its_key_and_leaves_after_it() -> None:
    made = request(leaving=["old.primary"])
    paths = [one["path"] for one in made["present"]["files"]]
    assert paths == [
        f"{ROOT}/pushes/{PUSH}.json",
        f"{ROOT}/keys/{PUSH}.conf",
        f"{ROOT}/pushes/{PUSH}.conf",
        f"{ROOT}/relay.conf",
        f"{ROOT}/health.py",
        f"{ROOT}/health_settings.json",
        f"{UNITS}/{FRONT}",
        f"{UNITS}/tenbyte-rtmp-relay-push@.service",
    ]
    (leaving,) = made["leaving"]
    assert leaving["paths"][-1] == f"{ROOT}/pushes/old.primary.json"
    assert f"{ROOT}/keys/old.primary.conf" in leaving["paths"]


def test_a_key_is_in_one_hidden_file_that_only_root_reads() -> None:
    made = request()
    (holder,) = [one for one in made["present"]["files"] if KEY in (one["content"] or "")]
    assert (holder["path"], holder["mode"], holder["shown"]) == (f"{ROOT}/keys/{PUSH}.conf", "0600", False)
    assert holder["note"] == "stream key (no fingerprint)"
    assert str(made).count(KEY) == 1
    folders = {one["path"]: one["mode"] for one in made["present"]["folders"]}
    # The relay's own user reads its settings.
    assert (folders[ROOT], folders[f"{ROOT}/keys"]) == ("0755", "0700")


def test_pushes_that_stay_are_in_the_relays_settings_with_the_address_that_they_have() -> None:
    made = request(there=[OTHER], left=["old.primary"])
    (text,) = [one["content"] for one in made["present"]["files"] if one["path"].endswith("relay.conf")]
    assert "proxy_pass 127.70.0.1:20000;" in text
    assert '"publish:old" 1;' in text
    assert [one["name"] for one in made["present"]["streams"]] == [PUSH]


@pytest.mark.parametrize(
    ("settings", "restarts", "reloads", "restarts_push"),
    [
        ({"publishers": ["10.0.0.0/8"]}, False, True, False),
        ({"push_port": 20000}, False, True, True),
        ({"nginx_path": "/opt/nginx"}, True, False, True),
        ({"scope": "mine"}, False, False, False),
    ],
)
def test_a_setting_starts_again_only_what_it_concerns(
    settings: dict[str, Any], restarts: bool, reloads: bool, restarts_push: bool
) -> None:
    program = {"path": settings.pop("nginx_path", "/usr/sbin/nginx"), "version": ""}
    before, after = relay_task(), relay_task(**settings)
    found = AnsweringHost(program={"path": "/usr/sbin/nginx", "version": ""}).found
    made = []
    for asked, host in ((before, found), (after, {**found, "program": program})):
        change = Change(wanted=settled(asked, ()), stream_keys={PUSH: KEY}, secret=b"s")
        made.append(convergence(asked, host, change)["present"])
    first, second = (one["service"] for one in made)
    assert (first["restart"] != second["restart"], first["reload"] != second["reload"]) == (restarts, reloads)
    revisions = [one["streams"][0]["revision"] for one in made]
    assert (revisions[0] != revisions[1]) is restarts_push


def test_a_push_goes_on_where_only_the_fingerprint_of_its_key_is_another() -> None:
    made = []
    for fingerprint in ("sha256:0123456789ab", "sha256:ba9876543210"):
        wanted = [{**one, "stream_key_fingerprint": fingerprint} for one in settled(relay_task(), ())]
        change = Change(wanted=wanted, stream_keys={PUSH: KEY}, secret=b"s")
        made.append(convergence(relay_task(), AnsweringHost().found, change)["present"])
    first, second = (one["streams"][0]["revision"] for one in made)
    assert first == second
    texts = [[entry["content"] for entry in one["files"] if "pushes" in entry["path"]] for one in made]
    assert texts[0] != texts[1]


@pytest.mark.parametrize(
    ("state", "parts", "settings", "expected"),
    [
        ("started", {}, {}, ["written", "started"]),
        ("started", {}, {"health_interval": 0}, ["absent", "absent"]),
        ("stopped", {}, {}, ["stopped", "stopped", "stopped"]),
        ("gone", {}, {}, []),
        ("gone", {"is_emptied": True}, {}, ["absent", "absent", "absent"]),
        ("absent", {"is_emptied": True}, {}, ["absent", "absent", "absent"]),
    ],
)
def test_the_health_check_and_the_relay_go_with_the_state(
    state: str, parts: dict[str, Any], settings: dict[str, Any], expected: list[str]
) -> None:
    made = request(relay_task(state, **settings), **parts)
    assert [one["state"] for one in made["units"]] == expected
    assert [one["name"] for one in made["units"]] == [*HEALTH, FRONT][: len(expected)]


def test_absent_names_all_that_the_role_has_made() -> None:
    present, absent = request()["present"], request(relay_task("absent"), leaving=[PUSH], is_emptied=True)
    removed = [*absent["absent"]["paths"], *absent["leaving"][0]["paths"]]
    removed += [f"{UNITS}/{one}" for one in absent["absent"]["units"]]
    removed += [f"{UNITS}/{one['name']}" for one in absent["units"]]
    made = [one["path"] for one in present["files"]]
    assert [path for path in made if not any(path == one or path.startswith(f"{one}/") for one in removed)] == []
    assert {"/run/tenbyte-rtmp-relay", "/run/tenbyte-rtmp-relay-push", "/run/tenbyte-rtmp-relay-health"} <= set(removed)


def test_gone_takes_pushes_out_of_the_settings_that_the_host_has() -> None:
    asked = relay_task("gone")
    found = AnsweringHost(texts={f"{ROOT}/relay.conf": CONF}).found
    assert inspection(asked, (), b"s")["texts"] == [f"{ROOT}/relay.conf"]
    edited = convergence(asked, found, Change(leaving=["old.primary"], left=["talk.primary"]))["edited"]
    assert edited["file"]["content"] == "push unix:/r/talk.primary.sock name=talk;\n"
    assert (edited["unit"], edited["stamp"]) == (FRONT, f"{ROOT}/stamps/relay-conf")
    # A run that was killed has removed the record of the push, and not its line.
    assert convergence(asked, found, Change(left=["talk.primary"]))["edited"] == edited
    assert convergence(asked, found, Change(leaving=["old.primary"], is_emptied=True))["edited"] is None
    there = CONF.replace("old", "talk")
    kept = convergence(asked, AnsweringHost(texts={f"{ROOT}/relay.conf": there}).found, Change(left=["talk.primary"]))
    assert kept["edited"]["file"]["content"] == there
    other = replace(asked, state="started")
    assert convergence(other, found, Change(leaving=["old.primary"], left=["x"], wanted=[]))["edited"] is None


def test_an_inspection_asks_for_what_the_state_needs() -> None:
    asked = relay_task()
    started = inspection(asked, settled(asked, ()), b"s")
    assert started["program"]["name"] == "nginx"
    assert [len(one) for one in started["places"]] == [2, 2]
    secure = relay_task(streams=[STREAM | {"rtmp_url": "rtmps://h/x"}])
    assert inspection(secure, settled(secure, ()), b"s")["places"][-1] == ["/etc/ssl/certs/ca-certificates.crt"]
    stopped = inspection(replace(asked, state="stopped"), (), b"s")
    assert (stopped["program"]["name"], stopped["places"], stopped["texts"]) == ("", [], [])
    watched = inspection(replace(asked, state="watched"), (), b"s", [PUSH])["watched"]
    assert (watched["names"], watched["report"]["program"]) == ([PUSH], f"{ROOT}/health.py")
    # In check mode, the modules may not be installed yet.
    assert modules_of(asked, {"places": ["", "/m/s.so"]}) == ["/usr/lib/nginx/modules/ngx_rtmp_module.so", "/m/s.so"]
