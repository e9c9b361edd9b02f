# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the health check of a role is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit._encoders.role_streams import OPTIONS, OTHER_ID, STREAM, refusal, settled, stream_of

URL = "https://cdn.example:8443/a%20b/index.m3u8?Policy=x~&Signature=(y)*"


@pytest.mark.parametrize("role", ["obs_encoder", "rtmp_relay"])
@pytest.mark.parametrize(
    ("name", "value"), [("interval", -1), ("interval", "often"), ("failures", 0), ("failures", "")]
)
def test_a_health_check_has_an_interval_and_a_number_of_failures(role: str, name: str, value: Any) -> None:
    message = refusal(role, **{f"health_{name}": value})
    assert message.startswith(f"{role}: {role}_health_interval is a number of seconds")


@pytest.mark.parametrize("role", OPTIONS)
@pytest.mark.parametrize(
    "units",
    [
        *(["mail"], ["mail-operator"], ["mail operator.service"], ["mail.service\nOnFailure=x.service"], ["-.mount"]),
        *(["notify@.service"], ["notify@%n.service"], ["../x.service"], ["a.service b.service"], [""], [None], [7]),
        *(["-a.service"], ["..service"], [".a.service"]),
        *([{"name": "a.service"}], "mail.service", {"mail.service": 1}, ["mail.service", "x"], ["a@b@c.service"]),
    ],
)
def test_what_is_started_is_a_list_of_units(role: str, units: Any) -> None:
    assert refusal(role, on_failure_units=units).startswith(f"{role}_on_failure_units: ")


@pytest.mark.parametrize("role", OPTIONS)
@pytest.mark.parametrize(
    "unit",
    [
        *("poweroff.target", "reboot.target", "rescue.target", "systemd-poweroff.service", "suspend.target"),
        *("tenbyte-encoder-outage.service", "tenbyte-encoder@hall.service", "tenbyte-obs-health.timer"),
        "tenbyte-rtmp-relay.service",
    ],
)
def test_a_unit_that_ends_the_host_or_is_one_of_the_roles_is_refused(role: str, unit: str) -> None:
    message = refusal(role, on_failure_units=["mail-operator.service", unit])
    assert message.startswith(f"{role}_on_failure_units: {unit} would end the host, or is a unit of these roles.")


@pytest.mark.parametrize("role", ["obs_encoder", "rtmp_relay"])
def test_units_need_a_health_check_that_starts_them(role: str) -> None:
    message = refusal(role, on_failure_units=["mail-operator.service"], health_interval=0)
    assert message.startswith(
        f"{role}_on_failure_units: with {role}_health_interval 0, no health check could start them."
    )
    assert settled(role, STREAM, on_failure_units=[], health_interval=0)["streams"]


@pytest.mark.parametrize("role", OPTIONS)
@pytest.mark.parametrize(
    "units", [None, [], "", ["mail-operator.service", r"notify@stage\x2d1.service", "x:y_z.target"]]
)
def test_units_are_named_in_full(role: str, units: Any) -> None:
    assert settled(role, STREAM, on_failure_units=units)["streams"]


@pytest.mark.parametrize("role", OPTIONS)
@pytest.mark.parametrize("look", [False, True])
def test_a_stream_says_where_it_plays(role: str, look: bool) -> None:
    found = settled(role, STREAM | {"hls_url": URL}, health_look=look)
    assert [one["hls_url"] for one in found["pushes" if role == "rtmp_relay" else "streams"]] == [URL]


@pytest.mark.parametrize("role", OPTIONS)
@pytest.mark.parametrize(
    "url",
    [
        *(
            None,
            "",
            7,
            ["https://h/x"],
            "https://h",
            "rtmp://h/x",
            "file:///etc/passwd",
            "HTTPS://h/x",
            "https://me@h/x",
        ),
        *(
            "https://h/x y",
            'https://h/"',
            "https://h/'",
            "https://h/x\n",
            "https://h/\\",
            "https:///x",
            "https://h:x/y",
        ),
    ],
)
def test_a_look_needs_a_playback_url_and_nothing_else_does(role: str, url: Any) -> None:
    message = refusal(role, STREAM | {"hls_url": url}, health_look=True)
    assert message.startswith("Main hall/Keynote")
    assert f"{role}_health_look looks at what viewers get" in message
    assert "go_live" in message
    found = settled(role, STREAM | {"hls_url": url}, health_look=False)
    assert [one["hls_url"] for one in found["pushes" if role == "rtmp_relay" else "streams"]] == [""]


def test_each_destination_of_a_relay_plays_somewhere_else() -> None:
    label, backup = "Main hall/Keynote", "Main hall/Backup"
    spare = {"id": OTHER_ID, "rtmp_url": "rtmp://h/x", "hls_url": "https://backup.example/index.m3u8"}
    options = {"backups": {label: [backup]}, "sessions": {backup: spare}, "health_look": True}
    found = settled("rtmp_relay", STREAM | {"hls_url": URL}, **options)["pushes"]
    assert [one["hls_url"] for one in found] == [URL, "https://backup.example/index.m3u8"]
    own = {"session_id": OTHER_ID, "rtmp_url": "rtmp://h/x"}
    message = refusal("rtmp_relay", STREAM | {"hls_url": URL, "backups": [own]}, health_look=True)
    assert "(main-hall-keynote.backup1)" in message


def test_streams_that_are_only_named_need_no_url() -> None:
    assert "hls_url" not in stream_of("ffmpeg_encoder", only_named=True, health_look=True, on_failure_units=["x"])
