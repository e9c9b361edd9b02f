# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Converts responses of the strict service into those of a variant: omitted fields, formats of times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from .cleaning import cut_time, shown_time
from .records import Json, Session, Written
from .variants import SETTINGS, Variant


def as_variant(value: Any, variant: Variant) -> Any:
    """Return a copy of a response's ``data``, or of a part of it, as the variant has it."""
    if isinstance(value, Written):
        moment = cut_time(value.moment, variant.time_precision, variant.times_rounded)
        return shown_time(moment, variant.time_precision, variant.time_offset, variant.time_zeros_cut)
    if isinstance(value, list):
        return [as_variant(item, variant) for item in value]
    if not isinstance(value, dict):
        return value
    shown = {name: as_variant(item, variant) for name, item in value.items()}
    if value.keys() >= {"room_id", "preset"}:
        _show_settings(shown, variant)
        return without(shown, variant.hidden_session_fields)
    if value.keys() >= {"host_id", "host"}:
        return without(shown, variant.hidden_room_fields)
    if value.keys() >= {"total", "page", "limit"}:
        return without(shown, variant.hidden_list_fields)
    return shown


def without(item: Json, names: Sequence[str]) -> Json:
    """Remove fields from an object in place and return it; ``preset.type`` names a member of a member."""
    for name in names:
        *parents, last = name.split(".")
        inner: Any = item
        for parent in parents:
            inner = inner.get(parent, {})
        inner.pop(last, None)
    return item


def start_answer(session: Session, key: str, rtmp_url: str, token: str) -> Json:
    """Return the ``data`` of going live, which contains the key and the ingest URL twice."""
    return {
        "session": session.shown(),
        "livekit_token": token,
        "rtmp": {"ingress_id": f"ingress-{session.id[:8]}", "url": rtmp_url, "stream_key": key},
        "rtmp_setup": {
            "server": rtmp_url,
            "stream_key": key,
            "instructions": {
                "step1": "Choose a custom streaming service in the encoder.",
                "step2": "Enter the server and the stream key.",
                "step3": "Start the stream.",
            },
        },
    }


def with_timestamp(body: Json, variant: Variant) -> Json:
    """Return a response's body with its ``timestamp`` as the variant has it."""
    seconds = body.get("timestamp")
    if seconds is None or variant.timestamp == "seconds":
        return body
    if variant.timestamp == "missing":
        return {name: value for name, value in body.items() if name != "timestamp"}
    forms = {
        "milliseconds": seconds * 1000,
        "zero": 0,
        "text": str(seconds),
        "date": datetime.fromtimestamp(seconds, timezone.utc).isoformat().replace("+00:00", "Z"),
    }
    return {**body, "timestamp": forms[variant.timestamp]}


def _show_settings(session: Json, variant: Variant) -> None:
    largest = variant.largest_effective_join_limit
    if largest is not None:
        session["effective_max_join_limit"] = min(session["effective_max_join_limit"], largest)
    for setting in SETTINGS:
        for name, kind in ((f"{setting}_override", "overrides"), (f"effective_{setting}", "effective")):
            omitted = variant.false_settings_omitted and session.get(name) is False
            if omitted or variant.settings_shown not in ("all", kind):
                session.pop(name, None)
