# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The files that the role obs_encoder writes for each stream. All values in them were checked before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .host_requests import HEADER, as_json, escaped_path, plain_fingerprint, unit_description

_KINDS = {"color": "color_source_v3", "image": "image_source", "file": "ffmpeg_source", "url": "ffmpeg_source"}
_COLOR = "#204060"


def record(stream: Mapping[str, Any], settings: Mapping[str, Any], *, by_list: bool) -> str:
    """Return what a later run and the health check have to know about a stream. A person starts OBS themselves."""
    names = ("label", "host", "port", "room_id", "room", "title", "hls_url")
    own = {"by_list": by_list, "scope": str(settings["scope"]), "person": not settings["start"]}
    return _line({**{name: stream[name] for name in names}, **own})


def service_file(stream: Mapping[str, Any], stream_key: str, service: str) -> str:
    """Return the file that tells OBS where to send, with the key."""
    if service == "whip_custom":
        whip = {"service": "WHIP", "server": stream["whip_url"], "bearer_token": stream_key}
        return _line({"type": service, "settings": whip})
    rtmp = {"server": stream["rtmp_url"], "key": stream_key, "use_auth": False, "bwtest": False}
    return _line({"type": service, "settings": rtmp})


def profile_file(stream: Mapping[str, Any]) -> str:
    """Return OBS's profile of a stream."""
    profile = stream["profile"]
    width, height = profile["size"].split("x")
    return f"""\
[General]
Name={stream["profile_name"]}

[Output]
Mode=Advanced
Reconnect=true
RetryDelay=2
MaxRetries=1000
BindIP=default

[AdvOut]
TrackIndex=1
Encoder={profile["encoder"]}
Track1Bitrate={int(profile["audio_bitrate"])}
ApplyServiceSettings=false

[Video]
BaseCX={width}
BaseCY={height}
OutputCX={width}
OutputCY={height}
FPSType=1
FPSInt={profile["framerate"]}

[Audio]
SampleRate=48000
ChannelSetup=Stereo
"""


def encoder_file(stream: Mapping[str, Any], service: str) -> str:
    """Return the settings of OBS's encoder."""
    profile = stream["profile"]
    return _line(
        {
            "rate_control": "CBR",
            "bitrate": int(profile["video_bitrate"]),
            "keyint_sec": 2,
            "preset": profile["preset"],
            "profile": "high",
            # WHIP players cannot show pictures out of order.
            **({"bf": 0} if service == "whip_custom" else {}),
            **profile["encoder_settings"],
        }
    )


def scene_file(stream: Mapping[str, Any], path: str) -> str:
    """Return OBS's scene collection of a stream. ``path`` is where OBS finds a picture or media file."""
    if stream["source"]["type"] == "scene_collection":
        collection = json.loads(Path(stream["scene_collection"]).read_text(encoding="utf-8"))
        return _line({**collection, "name": stream["profile_name"]})
    width, height = (int(one) for one in stream["profile"]["size"].split("x"))
    item = {
        "id": 1,
        "name": "Source",
        "visible": True,
        "align": 5,
        "pos": {"x": 0.0, "y": 0.0},
        "scale": {"x": 1.0, "y": 1.0},
        "bounds_type": 2,
        "bounds_align": 0,
        "bounds": {"x": float(width), "y": float(height)},
    }
    source = {
        "id": _KINDS[stream["source"]["type"]],
        "name": "Source",
        "settings": _source_settings(stream["source"], path, width, height),
        "mixers": 255,
        "volume": 1.0,
    }
    scene = {"id": "scene", "name": "Scene", "settings": {"id_counter": 1, "custom_size": False, "items": [item]}}
    return _line(
        {
            "name": stream["profile_name"],
            "current_scene": "Scene",
            "current_program_scene": "Scene",
            "scene_order": [{"name": "Scene"}],
            "sources": [scene, source],
        }
    )


def _source_settings(source: Mapping[str, Any], path: str, width: int, height: int) -> dict[str, Any]:
    kind = source["type"]
    if kind == "color":
        # OBS writes colours as alpha, blue, green, red.
        color = str(source.get("color", _COLOR))
        return {"color": int(f"ff{color[5:7]}{color[3:5]}{color[1:3]}", 16), "width": width, "height": height}
    if kind == "image":
        return {"file": path}
    if kind == "file":
        return {"is_local_file": True, "local_file": path, "looping": True, "hw_decode": False}
    return {"is_local_file": False, "input": source["url"], "reconnect_delay_sec": 3, "hw_decode": False}


def unit_settings(stream: Mapping[str, Any]) -> str:
    """Return the settings of a stream's unit: its description, and the file that it may read."""
    source = stream["source"]
    lines = [HEADER.format("obs_encoder"), f"# Key fingerprint: {plain_fingerprint(stream)}", "[Unit]"]
    lines.append(f"Description=Tenbyte OBS of {unit_description(stream['label'])}")
    if source["type"] in ("file", "image"):
        lines += ["", "[Service]", "# Bound to one place, the file can lie in a folder that the service may not enter."]
        lines.append(f"BindReadOnlyPaths={escaped_path(source['path'])}:/run/tenbyte-obs/%i/source")
    return "\n".join(lines) + "\n"


def health_settings(settings: Mapping[str, Any]) -> str:
    values = {
        "result": "/run/tenbyte-obs-health/health.json",
        "records": f"{settings['root']}/streams",
        "record": "*/place.json",
        "failures": int(settings["health_failures"]),
        "look": bool(settings["health_look"]),
        "slate": False,
        "idle": False,
        "ffmpeg": "ffmpeg",
    }
    return as_json(values)


def _line(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True) + "\n"
