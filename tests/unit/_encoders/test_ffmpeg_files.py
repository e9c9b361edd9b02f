# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import configparser
import json
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.ffmpeg_files import (
    health_settings,
    key_file,
    program_settings,
    record,
    settings_file,
    unit_settings,
)
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_records import streams_on_host

from tests.unit._encoders.answering_host import ROOT, SETTINGS
from tests.unit._encoders.role_streams import STREAM, stream_of


def stream(**options: Any) -> dict[str, Any]:
    return stream_of("ffmpeg_encoder", **options)


def test_a_record_is_read_back_as_it_was_written() -> None:
    one = stream()
    text = record(one, by_list=True, scope="mine", manager="systemd", host="enc1")
    (noted,) = streams_on_host([], [(f"{one['name']}.json", text)], "ffmpeg_encoder")
    names = ("name", "label", "room_id", "room", "title", "session_id", "hls_url")
    assert noted == {name: one[name] for name in names} | {
        "by_list": True,
        "scope": "mine",
        "manager": "systemd",
        "host": "enc1",
    }


def test_a_key_file_has_one_line_and_the_settings_name_no_key() -> None:
    assert key_file("the-key") == "rtmp_playpath=the-key\n"
    text = settings_file(stream(), SETTINGS, "/usr/bin/ffmpeg", "")
    settings = json.loads(text)
    assert text.endswith("}\n")
    where = ("/usr/bin/ffmpeg", "rtmp://ingest.example/live", "live", False)
    assert (settings["ffmpeg"], settings["ingest"], settings["app"], settings["tls"]) == where
    assert [settings[name] for name in ("stall_seconds", "source_seconds", "sound_seconds", "refusals")] == [
        15,
        3,
        20,
        10,
    ]


def test_under_systemd_files_are_where_the_unit_binds_them_to() -> None:
    one = stream(source={"type": "file", "path": "/srv/a.mp4"}, slate={"type": "file", "path": "/srv/b.mp4"})
    bound = json.loads(settings_file(one, SETTINGS, "ffmpeg", "/run/e"))
    assert bound["source"]["path"] == f"/run/e/{one['name']}/source"
    assert bound["slate"]["path"] == f"/run/e/{one['name']}/slate"
    assert json.loads(settings_file(one, SETTINGS, "ffmpeg", ""))["source"]["path"] == "/srv/a.mp4"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {"source": {"type": "file", "path": '/srv/a film: 100% "it\'s" \\n.mp4'}},
            'BindReadOnlyPaths=/srv/a\\ film\\:\\ 100%%\\ \\"it\\\'s\\"\\ \\\\n.mp4:/run/e/%i/source',
        ),
        ({"source": {"type": "device", "device": "/dev/video0"}}, "DeviceAllow=/dev/video0 rw"),
        (
            {"source": {"type": "device", "device": "/dev/video0", "audio_device": "hw:1"}},
            "DeviceAllow=char-alsa rw",
        ),
        (
            {"slate": {"type": "file", "path": "/srv/slate.mp4"}},
            "BindReadOnlyPaths=/srv/slate.mp4:/run/e/%i/slate",
        ),
    ],
)
def test_a_unit_may_use_the_files_and_devices_of_its_stream(options: dict[str, Any], line: str) -> None:
    assert line in unit_settings(stream(**options), "/run/e").splitlines()
    assert "[Service]" not in unit_settings(stream(), "/run/e")
    assert "char-alsa" not in unit_settings(stream(source={"type": "device", "device": "/dev/video0"}), "/run/e")


@pytest.mark.parametrize("fingerprint", [None, "fp-1\n[Service]", "x" * 10])
def test_names_of_others_cannot_write_into_a_unit_or_program(fingerprint: str | None) -> None:
    hostile = {"label": "Hall/Talk\n[Service]\nUser=root", "stream_key_fingerprint": fingerprint}
    one = stream(stream=STREAM | hostile)
    for text in (unit_settings(one, "/run/e"), program_settings(one, "/etc/e")):
        assert "\n[Service]" not in text
        assert "\nUser=" not in text
    assert "Key fingerprint: unknown" in unit_settings(stream(), "/run/e")


def test_a_program_under_supervisord_gives_up_with_77_and_logs_to_its_own_file() -> None:
    one = stream()
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read_string(program_settings(one, "/etc/e"))
    program = parsed[f"program:tenbyte-encoder-{one['name']}"]
    assert program["stdout_logfile"] == f"/etc/e/log/{one['name']}.log"
    assert (program["exitcodes"], program["autorestart"], program["autostart"]) == ("77", "unexpected", "true")
    assert program["command"].split()[-2:] == [f"/etc/e/keys/{one['name']}.ffpreset", f"/etc/e/run/{one['name']}"]


@pytest.mark.parametrize(
    ("manager", "run", "result"),
    [
        ("systemd", "/run/e", "/run/e-health/health.json"),
        ("supervisord", f"{ROOT}/run", f"{ROOT}/run/health.json"),
    ],
)
def test_the_health_check_reads_the_records_and_states_of_the_streams(manager: str, run: str, result: str) -> None:
    text = health_settings({**SETTINGS, "health_slate": True}, "/usr/bin/ffmpeg", manager, "/run/e")
    settings = json.loads(text)
    assert (settings["run"], settings["result"], settings["records"]) == (run, result, f"{ROOT}/about")
    assert (settings["slate"], settings["look"], settings["ffmpeg"]) == (True, False, "/usr/bin/ffmpeg")
