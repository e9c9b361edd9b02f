# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The files that the role rtmp_relay writes. All values in them were checked before."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from .host_requests import as_json, filled, plain_fingerprint


def record(push: Mapping[str, Any], *, by_list: bool, scope: str) -> str:
    """Return what a later run and the health check have to know about a push."""
    names = ("label", "port", "room_id", "room", "title", "session_id", "stream_session_id", "hls_url", "push_port")
    own = {"host": push["host"].strip("[]"), "push_address": push["address"], "by_list": by_list, "scope": scope}
    return json.dumps({**{name: push[name] for name in names}, **own}, sort_keys=True) + "\n"


def destination_file(push: Mapping[str, Any], stream_key: str, runtime_folder: str) -> str:
    """Return the line of nginx's settings that has the key. The push includes it."""
    place = f"unix:{runtime_folder}-push/{push['id']}/destination.sock"
    url = push["rtmp_url"].removesuffix("/")
    return f'push {place} "app={push["app"]}" "tcUrl={url}" "playPath={stream_key}";\n'


def push_settings(text: str, push: Mapping[str, Any], modules: Iterable[str], ca_path: str) -> str:
    """Return nginx's settings of a push; ``text`` is the role's file."""
    tls = [
        "proxy_ssl on;",
        "proxy_ssl_server_name on;",
        f"proxy_ssl_name {push['host']};",
        "proxy_ssl_verify on;",
        "proxy_ssl_verify_depth 5;",
        f"proxy_ssl_trusted_certificate {ca_path};",
    ]
    values = {
        "FINGERPRINT": plain_fingerprint(push),
        "MODULES": _loaded(modules),
        "LISTEN": f"{push['address']}:{push['push_port']}",
        "DESTINATION": f"{push['host']}:{push['port']}",
        "TLS": tls if push["tls"] else [],
    }
    return filled(text, values)


def relay_settings(
    text: str, pushes: Sequence[Mapping[str, Any]], modules: Iterable[str], settings: Mapping[str, Any]
) -> str:
    """Return nginx's settings of the relay, which name all pushes of the host; ``settings`` are the role's."""
    names = dict.fromkeys(push["stream"] for push in pushes)
    address = str(settings["address"])
    values = {
        "MODULES": _loaded(modules),
        "LISTEN": f"[{address}]:{settings['port']}" if ":" in address else f"{address}:{settings['port']}",
        "PUBLISHERS": [f"allow publish {network};" for network in settings["publishers"]],
        "PUSHES": [
            f"push unix:{settings['runtime_folder']}/{push['id']}.sock name={push['stream']} app=relay "
            f"playPath={push['stream']};"
            for push in pushes
        ],
        "SOCKETS": [
            line
            for push in pushes
            for line in _socket(push["id"], f"proxy_pass {push['address']}:{push['push_port']};")
        ]
        # A block without a server is not allowed.
        or _socket("none", 'return "";'),
        "NAMES": [f'"{call}:{name}" 1;' for name in names for call in ("publish", "update_publish")],
    }
    return filled(text, values)


def without_pushes(text: str, left: Collection[str]) -> str:
    """Return the relay's settings without the pushes that are not left, and without the names of which none is left.

    A run that tears an event down may not know the relay's variables. So it removes lines, and writes none.
    """
    names = {_stream_of(one) for one in left}
    text = re.sub(r"(?m)^ *push unix:[^ ]*/([^/ ]+)\.sock .*\n", lambda line: line[0] if line[1] in left else "", text)
    publishing = r'(?m)^ *"(?:update_)?publish:([^"\n]+)" 1;\n'
    return re.sub(publishing, lambda line: line[0] if line[1] in names else "", text)


def health_settings(settings: Mapping[str, Any]) -> str:
    root, runtime_folder = settings["root"], settings["runtime_folder"]
    values = {
        "run": runtime_folder,
        "result": f"{runtime_folder}-health/health.json",
        "records": f"{root}/pushes",
        "record": "*.json",
        "failures": int(settings["health_failures"]),
        "look": bool(settings["health_look"]),
        "slate": False,
        "idle": bool(settings["health_idle"]),
        "ffmpeg": "ffmpeg",
    }
    return as_json(values)


def _loaded(modules: Iterable[str]) -> list[str]:
    return [f"load_module {module};" for module in modules]


def _socket(name: str, does: str) -> list[str]:
    return ["server {", f"    listen unix:{name}.sock;", f"    {does}", "}"]


def _stream_of(push: str) -> str:
    return push.rpartition(".")[0] or push
