# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_records import streams_on_host
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.relay_files import (
    destination_file,
    health_settings,
    push_settings,
    record,
    relay_settings,
    without_pushes,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.relay_pushes import known_push

from tests.unit._encoders.answering_host import CONTENTS_OF, OF_RELAY
from tests.unit._encoders.role_streams import OTHER_ID, STREAM, settled

MODULES = ["/m/rtmp.so", "/m/stream.so"]
CONTENTS = CONTENTS_OF["rtmp_relay"]
BACKUP = {"session_id": OTHER_ID, "rtmp_url": "rtmps://[2001:db8::1]/app/", "stream_key_fingerprint": "fp x"}


def pushes(**stream: Any) -> list[dict[str, Any]]:
    return settled("rtmp_relay", {**STREAM, **stream})["pushes"]


def test_a_record_is_read_back_and_has_the_address_of_the_push() -> None:
    (push,) = pushes()
    text = record(push, by_list=True, scope="mine")
    (noted,) = streams_on_host([], [(f"{push['id']}.json", text)], "rtmp_relay")
    for name in ("label", "host", "port", "room_id", "room", "title", "session_id", "stream_session_id", "hls_url"):
        assert noted[name] == push[name]
    assert (noted["by_list"], noted["scope"]) == (True, "mine")
    known = known_push(noted, OF_RELAY)
    assert {name: known[name] for name in ("id", "stream", "address", "push_port")} == {
        name: push[name] for name in ("id", "stream", "address", "push_port")
    }


def test_the_key_is_in_the_line_of_the_destination_and_nowhere_else() -> None:
    (push,) = pushes()
    assert destination_file(push, "the-key", "/run/r") == (
        "push unix:/run/r-push/main-hall-keynote.primary/destination.sock "
        '"app=live" "tcUrl=rtmp://ingest.example/live" "playPath=the-key";\n'
    )
    assert "the-key" not in push_settings(CONTENTS["push.conf"], push, MODULES, "/ca.pem")


def test_a_push_speaks_tls_to_an_rtmps_destination_alone() -> None:
    primary, backup = pushes(backups=[BACKUP])
    plain, secure = (push_settings(CONTENTS["push.conf"], one, MODULES, "/etc/ca.pem") for one in (primary, backup))
    assert plain == (
        "# unknown\nload_module /m/rtmp.so;\nload_module /m/stream.so;\n"
        f"listen {primary['address']}:19350;\nproxy_pass ingest.example:1935;\n"
    )
    assert "# fp_x\n" in secure
    assert "proxy_pass [2001:db8::1]:443;\n" in secure
    for line in ("proxy_ssl on;", "proxy_ssl_verify on;", "proxy_ssl_trusted_certificate /etc/ca.pem;"):
        assert f"  {line}\n" in secure


@pytest.mark.parametrize(("address", "listen"), [("0.0.0.0", "0.0.0.0:1935"), ("2001:db8::1", "[2001:db8::1]:1935")])
def test_the_relay_knows_all_pushes_and_each_name_once(address: str, listen: str) -> None:
    both = pushes(backups=[BACKUP])
    settings = {**OF_RELAY, "address": address, "publishers": ["192.0.2.0/24", "10.0.0.1"]}
    text = relay_settings(CONTENTS["relay.conf"], both, MODULES, settings)
    assert f"listen {listen};\n" in text
    assert "allow publish 192.0.2.0/24;\nallow publish 10.0.0.1;\n" in text
    for push in both:
        socket = f"/{push['id']}.sock name=main-hall-keynote app=relay playPath=main-hall-keynote;\n"
        assert f"  push unix:/run/tenbyte-rtmp-relay{socket}" in text
        assert f"      listen unix:{push['id']}.sock;\n      proxy_pass {push['address']}:19350;\n" in text
    assert text.count('"publish:main-hall-keynote" 1;') == text.count('"update_publish:main-hall-keynote" 1;') == 1


def test_a_relay_without_pushes_has_a_block_that_nginx_takes() -> None:
    text = relay_settings(CONTENTS["relay.conf"], [], MODULES, OF_RELAY)
    assert '  server {\n      listen unix:none.sock;\n      return "";\n  }\n' in text


def test_pushes_that_leave_are_taken_out_and_a_name_goes_with_its_last_push() -> None:
    both = pushes(backups=[BACKUP])
    other = settled("rtmp_relay", {**STREAM, "title": "Talk", "label": "Main hall/Talk", "session_id": OTHER_ID})[
        "pushes"
    ]
    text = relay_settings(CONTENTS["relay.conf"], [*both, *other], MODULES, OF_RELAY)
    primary, backup, talk = (one["id"] for one in (*both, *other))
    fewer = without_pushes(text, [primary, talk])
    assert (f"/{backup}.sock name=" in fewer, '"publish:main-hall-keynote"' in fewer) == (False, True)
    least = without_pushes(text, [talk])
    assert "publish:main-hall-keynote" not in least
    assert least.count("publish:main-hall-talk") == text.count("publish:main-hall-talk") == 2
    assert without_pushes(text, [primary, backup, talk]) == text


def test_the_health_check_is_told_where_the_pushes_are() -> None:
    values = json.loads(health_settings({**OF_RELAY, "health_idle": True}))
    assert (values["records"], values["record"], values["run"]) == (
        "/etc/tenbyte-relay/pushes",
        "*.json",
        "/run/tenbyte-rtmp-relay",
    )
    assert (values["idle"], values["look"], values["failures"]) == (True, False, 3)
