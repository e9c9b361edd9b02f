# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import configparser
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_records import streams_on_host
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.obs_files import (
    encoder_file,
    health_settings,
    profile_file,
    record,
    scene_file,
    service_file,
    unit_settings,
)

from tests.unit._encoders.answering_host import OF_OBS
from tests.unit._encoders.role_streams import stream_of

FILM = {"type": "file", "path": "/srv/a film: 100%.mp4"}
COLLECTION = {"name": "Mine", "sources": [{"id": "scene", "name": "A {{ x }} {% y"}]}


def stream(**options: Any) -> dict[str, Any]:
    return stream_of("obs_encoder", **options)


@pytest.mark.parametrize("start", [True, False])
def test_a_record_is_read_back_and_says_who_starts_obs(start: bool) -> None:
    one = stream(user="me")
    text = record(one, {**OF_OBS, "start": start, "scope": "mine"}, by_list=True)
    (noted,) = streams_on_host([], [(f"{one['name']}/place.json", text)], "obs_encoder")
    for name in ("name", "label", "host", "port", "room_id", "room", "title", "hls_url"):
        assert noted[name] == one[name]
    assert (noted["by_list"], noted["scope"], noted["person"]) == (True, "mine", not start)


def test_the_key_is_in_the_service_alone() -> None:
    one = stream()
    rtmp = json.loads(service_file(one, "the-key", "rtmp_custom"))
    assert rtmp == {
        "type": "rtmp_custom",
        "settings": {"server": "rtmp://ingest.example/live", "key": "the-key", "use_auth": False, "bwtest": False},
    }
    whip = json.loads(service_file({**one, "whip_url": "https://h/x"}, "the-key", "whip_custom"))
    assert whip["settings"] == {"service": "WHIP", "server": "https://h/x", "bearer_token": "the-key"}


def test_a_profile_has_what_was_asked_for() -> None:
    one = stream(profile={"size": "640x360", "framerate": 25, "audio_bitrate": 96, "encoder": "ffmpeg_nvenc"})
    settings = configparser.ConfigParser(interpolation=None, strict=True)
    settings.read_string(profile_file(one))
    assert settings["General"]["Name"] == "Tenbyte"
    assert (settings["AdvOut"]["Encoder"], settings["AdvOut"]["Track1Bitrate"]) == ("ffmpeg_nvenc", "96")
    video = settings["Video"]
    assert (video["BaseCX"], video["OutputCY"], video["FPSInt"]) == ("640", "360", "25")


def test_further_settings_of_the_encoder_come_last_and_whip_has_no_pictures_out_of_order() -> None:
    one = stream(profile={"video_bitrate": 800, "encoder_settings": {"preset": "slow", "x": 1}})
    rtmp = json.loads(encoder_file(one, "rtmp_custom"))
    assert (rtmp["bitrate"], rtmp["keyint_sec"], rtmp["preset"], rtmp["x"]) == (800, 2, "slow", 1)
    assert "bf" not in rtmp
    assert json.loads(encoder_file(one, "whip_custom"))["bf"] == 0


@pytest.mark.parametrize(
    ("source", "kind", "settings"),
    [
        ({"type": "color", "color": "#102030"}, "color_source_v3", {"color": 0xFF302010, "width": 640, "height": 360}),
        ({"type": "color"}, "color_source_v3", {"color": 0xFF604020, "width": 640, "height": 360}),
        ({"type": "image", "path": "/srv/a.png"}, "image_source", {"file": "/seen"}),
        (FILM, "ffmpeg_source", {"is_local_file": True, "local_file": "/seen", "looping": True, "hw_decode": False}),
        (
            {"type": "url", "url": "rtsp://camera/main"},
            "ffmpeg_source",
            {"is_local_file": False, "input": "rtsp://camera/main", "reconnect_delay_sec": 3, "hw_decode": False},
        ),
    ],
)
def test_a_scene_shows_its_source_over_the_whole_picture(
    source: dict[str, Any], kind: str, settings: dict[str, Any]
) -> None:
    made = json.loads(scene_file(stream(source=source, profile={"size": "640x360"}), "/seen"))
    scene, shown = made["sources"]
    assert (shown["id"], shown["settings"]) == (kind, settings)
    assert scene["settings"]["items"][0]["bounds"] == {"x": 640.0, "y": 360.0}
    assert (made["name"], made["current_scene"]) == ("Tenbyte", scene["name"])


def test_a_scene_collection_keeps_all_but_its_name(tmp_path: Path) -> None:
    file = tmp_path / "show.json"
    file.write_text(json.dumps(COLLECTION))
    one = stream(source={"type": "scene_collection", "path": str(file)})
    assert json.loads(scene_file(one, "")) == {**COLLECTION, "name": "Tenbyte"}


def test_a_unit_may_read_its_file_and_no_other() -> None:
    text = unit_settings(stream(source=FILM, stream={"stream_key_fingerprint": "fp-1 x"}))
    assert "# Key fingerprint: fp-1_x\n" in text
    assert "Description=Tenbyte OBS of Main hall/Keynote\n" in text
    assert "BindReadOnlyPaths=/srv/a\\ film\\:\\ 100%%.mp4:/run/tenbyte-obs/%i/source\n" in text
    assert "[Service]" not in unit_settings(stream())


def test_the_health_check_is_told_where_the_streams_are() -> None:
    values = json.loads(health_settings({**OF_OBS, "health_look": True}))
    assert (values["records"], values["record"], values["look"], values["failures"]) == (
        "/etc/tenbyte-obs/streams",
        "*/place.json",
        True,
        3,
    )
