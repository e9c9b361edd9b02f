# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names that encoders publish as, the destinations, and the addresses of a relay."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.relay_pushes import known_push, push_address

from tests.unit._encoders.role_streams import ID, OPTIONS, OTHER_ID, ROOM_ID, STREAM, refusal, settled, stream_of

LABEL, BACKUP = "Main hall/Keynote", "Main hall/Keynote (backup)"
SPARE = {"id": OTHER_ID, "rtmp_url": "rtmps://backup.example/live", "stream_key_fingerprint": "fp-1"}


def pushes(**options: Any) -> list[dict[str, Any]]:
    return settled("rtmp_relay", {**STREAM, **options.pop("stream", {})}, **options)["pushes"]


@pytest.mark.parametrize(
    ("label", "name"),
    [
        (LABEL, "main-hall-keynote"),
        ("A" * 60, "a" * 60),
        ("A" * 61, "a" * 60 + "-" + "bc3ca3e2"),
        ("Зал/Доклад", None),
        ("$(id)/%n", "id-n"),
        ("/", None),
    ],
)
def test_a_stream_is_named_after_room_and_title(label: str, name: str | None) -> None:
    found = stream_of("rtmp_relay", stream={"label": label})["name"]
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    if name is None:
        assert len(found) == 8
    else:
        assert found[:60] == name[:60]


def test_a_streams_own_name_comes_before_one_by_label() -> None:
    assert stream_of("rtmp_relay", names={LABEL: "stage"})["name"] == "stage"
    assert stream_of("rtmp_relay", names={LABEL: "stage"}, stream={"name": "own"})["name"] == "own"
    assert stream_of("rtmp_relay", names={LABEL: ""}, stream={"name": " "})["name"] == "main-hall-keynote"
    assert stream_of("rtmp_relay", names={LABEL: 7})["name"] == "7"


@pytest.mark.parametrize("name", ["../x", "Stage", "a b", "-a", "a-", "a\n", "a.b", "x" * 81, "$x", "é", '"'])
def test_a_name_has_lower_case_letters_digits_and_dashes(name: str) -> None:
    message = refusal("rtmp_relay", names={LABEL: name})
    assert message.startswith(f"{LABEL}: its name: ")
    assert "Set rtmp_relay_names" in message


@pytest.mark.parametrize("name", [["stage"], {"x": "y"}, True])
def test_a_name_is_a_text(name: Any) -> None:
    assert f"{LABEL}: name: this is a" in refusal("rtmp_relay", names={LABEL: name})


def test_two_streams_with_the_same_name_are_refused() -> None:
    message = refusal("rtmp_relay", STREAM, STREAM | {"session_id": OTHER_ID, "label": "Main-hall/keynote"})
    assert "Main hall/Keynote and Main-hall/keynote: " in message
    assert "Set rtmp_relay_names" in message


def test_a_stream_has_a_push_for_each_session() -> None:
    first, second = pushes(backups={LABEL: [BACKUP]}, sessions={BACKUP: SPARE})
    assert (first["id"], first["name"], first["stream"]) == (
        "main-hall-keynote.primary",
        "main-hall-keynote.primary",
        "main-hall-keynote",
    )
    assert (first["session_id"], first["stream_session_id"]) == (ID.lower(), ID.lower())
    assert (first["host"], first["port"], first["tls"], first["app"]) == ("ingest.example", 1935, False, "live")
    assert (second["id"], second["session_id"], second["stream_session_id"]) == (
        "main-hall-keynote.backup1",
        OTHER_ID,
        ID.lower(),
    )
    assert (second["host"], second["port"], second["tls"]) == ("backup.example", 443, True)
    assert (second["label"], second["room_id"], second["stream_key_fingerprint"]) == (LABEL, ROOM_ID, "fp-1")
    assert first["push_port"] == 19350


def test_a_streams_own_backups_come_before_those_by_label() -> None:
    own = {"session_id": OTHER_ID, "rtmp_url": "rtmp://own.example/live"}
    options = {"backups": {LABEL: [BACKUP]}, "sessions": {BACKUP: SPARE}}
    assert pushes(stream={"backups": [own]}, **options)[1]["host"] == "own.example"
    assert pushes(stream={"backups": []}, **options)[1]["host"] == "backup.example"


@pytest.mark.parametrize("sessions", [None, {}, {LABEL: SPARE}])
def test_a_backup_is_a_session_of_the_event(sessions: Any) -> None:
    message = refusal("rtmp_relay", backups={LABEL: [BACKUP]}, sessions=sessions)
    assert f"rtmp_relay_backups: it names {BACKUP}, which is no session of the event" in message


@pytest.mark.parametrize(
    ("backups", "words"),
    [
        ([LABEL], "rtmp_relay_backups: this is a list; give lists of ROOM/TITLE by ROOM/TITLE."),
        ({LABEL: BACKUP}, f"rtmp_relay_backups: {LABEL}: this is a text; give a list of ROOM/TITLE."),
        ({LABEL: [{"x": 1}]}, "this is a mapping; give a text."),
    ],
)
def test_backups_are_lists(backups: Any, words: str) -> None:
    assert words in refusal("rtmp_relay", backups=backups, sessions={BACKUP: SPARE})


@pytest.mark.parametrize("backup", [STREAM, {"session_id": ID.lower(), "rtmp_url": "rtmp://h/x"}])
def test_a_session_is_not_its_own_backup(backup: Any) -> None:
    assert "listed twice among streams and backups" in refusal("rtmp_relay", STREAM | {"backups": [backup]})


@pytest.mark.parametrize(
    ("backup", "words"),
    [
        (7, "this is a number; give a mapping with session_id and rtmp_url."),
        ({"rtmp_url": "rtmp://h/x"}, "session_id: it is missing."),
        ({"session_id": OTHER_ID}, "its rtmp_url is not an ingest URL"),
        ({"session_id": OTHER_ID, "rtmp_url": "rtmp://h/x;y"}, "its rtmp_url is not an ingest URL"),
    ],
)
def test_a_backup_is_checked_like_its_stream(backup: Any, words: str) -> None:
    message = refusal("rtmp_relay", STREAM | {"backups": [backup]})
    assert message.startswith(f"{LABEL} (main-hall-keynote.backup1)")
    assert words in message


def test_a_name_leads_to_one_room() -> None:
    there = [{"name": "main-hall-keynote.primary", "room_id": OTHER_ID}]
    message = refusal("rtmp_relay", on_host=there, host="relay1")
    assert "relay1 already has main-hall-keynote.primary for a session in another room" in message
    for options in ({"remove_all": True}, {"only_named": True}, {"stream": {"room_id": ""}}):
        assert pushes(on_host=there, **options)
    for same in (ROOM_ID, "", None):
        assert pushes(on_host=[{"name": "main-hall-keynote.primary", "room_id": same}])


def test_each_push_has_its_own_loopback_address() -> None:
    assert push_address("main-hall-keynote.primary") == pushes()[0]["address"]
    addresses = {push_address(f"stream-{number}.primary") for number in range(500)}
    assert all(64 <= int(one.split(".")[1]) < 128 for one in addresses)
    assert len(addresses) == 500


def test_the_pushes_on_the_host_have_their_addresses() -> None:
    there: list[dict[str, Any]] = [
        {"name": "talk.primary", "push_address": "127.70.0.1", "push_port": 20000},
        {"name": "old.backup1"},
    ]
    assert [known_push(one, OPTIONS["rtmp_relay"]) for one in there] == [
        {"id": "talk.primary", "stream": "talk", "address": "127.70.0.1", "push_port": 20000},
        {"id": "old.backup1", "stream": "old", "address": push_address("old.backup1"), "push_port": 19350},
    ]


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::", "2001:db8::1"])
def test_a_relay_listens_on_an_address(address: str) -> None:
    assert settled("rtmp_relay", address=address)["pushes"] == []


NO_ADDRESSES: list[Any] = ["localhost", "", None, "127.0.0.1\n", "999.1.1.1", "[::1]", "::g", "1", True, []]
NO_PORTS: list[Any] = [0, 65536, "rtmp", None, True, -1]
NO_PUBLISHERS: list[Any] = [[], None, "127.0.0.1", {}, ["all"], ["all; allow play all"], [None], [True]]
NO_NETWORKS = ["192.0.2.0/33", "192.0.2.0/", "192.0.2.0/255.0.0.0", "::/129", "10", "a\n"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("address", one) for one in NO_ADDRESSES),
        *(("port", one) for one in [*NO_PORTS, 19350]),
        *(("push_port", one) for one in [*NO_PORTS, 1935]),
        *(("publishers", one) for one in NO_PUBLISHERS),
        *(("publishers", [one]) for one in NO_NETWORKS),
    ],
)
def test_malformed_addresses_ports_and_publishers_are_refused(name: str, value: Any) -> None:
    message = refusal("rtmp_relay", **{name: value})
    assert "rtmp_relay_address must be an IP address" in message
    assert "two different ports" in message
    assert "at least one IP address or network like 192.0.2.0/24" in message


def test_networks_may_publish() -> None:
    assert settled("rtmp_relay", publishers=["192.0.2.1/24", "10.0.0.1", "2001:db8::/32"])["streams"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("nginx", one) for one in ("", "my nginx", "/nginx", "nginx;", "$x", None, ["nginx"])]
    + [
        ("ca_path", one)
        for one in ("", "ca.pem", "/ca.pem", "/etc/my certificates.pem", "/etc/a\n", '/etc/"', None, True)
    ],
)
def test_programs_and_certificates_have_plain_paths(name: str, value: Any) -> None:
    assert f"rtmp_relay_{name}" in refusal("rtmp_relay", **{name: value})
