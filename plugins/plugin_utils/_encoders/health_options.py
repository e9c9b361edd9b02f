# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Checks what a role's health check is told: when it looks, what it starts, and where viewers see a stream."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .listed_streams import Asked
from .role_values import fits, is_within, listed, refuse

_LONGEST = 999_999_999
# An instance of a template has a name after the '@'. Specifiers such as %n are left out: they would name another unit.
_UNIT = re.compile(
    r"[A-Za-z0-9:_\\][A-Za-z0-9:_.\\-]{0,119}(?:@[A-Za-z0-9:_.\\-]{1,120})?\.(?:service|target|timer|path|socket)\Z"
)
# Units of the roles, which start such units themselves, and units with which a host ends.
_OWN = re.compile(r"tenbyte-(?:encoder|obs|rtmp)\b")
_ENDS_THE_HOST = re.compile(
    r"(?:poweroff|reboot|soft-reboot|halt|kexec|exit|shutdown|final|rescue|emergency|sleep|suspend|hibernate)\.target\Z"
    r"|(?:systemd-)?(?:poweroff|reboot|soft-reboot|halt|kexec|exit|suspend|hibernate|hybrid-sleep)\.service\Z"
)
# Neither quotes nor blanks. Percent signs are part of signed URLs; the URL is written into JSON alone.
_PLAYBACK_URL = re.compile(
    r"https?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
    r"/[A-Za-z0-9._~:@/?&=+,!*$;()%-]{0,2048}\Z"
)


def check_health_options(asked: Asked) -> None:
    """Raise InvalidInput for a wrong interval, number of failures, or list of units."""
    role, options = asked.role, asked.options
    if "health_interval" in options and not (
        is_within(options["health_interval"], 0, _LONGEST) and is_within(options.get("health_failures"), 1, _LONGEST)
    ):
        refuse(role, f"{role}_health_interval is a number of seconds, {role}_health_failures at least 1.")
    option = f"{role}_on_failure_units"
    units = listed(options.get("on_failure_units"), option, "a list of units, such as [mail-operator.service]")
    if units and "health_interval" in options and int(str(options["health_interval"])) == 0:
        refuse(option, f"with {role}_health_interval 0, no health check could start them. Give an interval.")
    for unit in units:
        if not fits(unit, _UNIT):
            refuse(
                option,
                "each entry is the full name of a systemd unit, such as mail-operator.service or notify@stage.service, "
                "without specifiers such as %n.",
            )
        if _OWN.match(unit) or _ENDS_THE_HOST.match(unit):
            refuse(
                option,
                f"{unit} would end the host, or is a unit of these roles. Give a unit that tells somebody, such as "
                "mail-operator.service.",
            )


def playback(given: Mapping[str, Any], where: str, asked: Asked, *, is_planned: bool) -> dict[str, str]:
    """Return where viewers see a stream. Raise InvalidInput if the health check is to look there, and it is not known.

    Without a look, a URL that is not known or not plain is empty: nothing uses it. So is that of a planned session.
    """
    url = given.get("hls_url")
    if fits(url, _PLAYBACK_URL):
        return {"hls_url": str(url)}
    if asked.options.get("health_look") and not is_planned:
        refuse(
            where,
            f"{asked.role}_health_look looks at what viewers get, but no hls_url like https://host/path says where "
            "that is. A service may name it only when the session is on air: use the playbook go_live first. Or set "
            f"the stream's hls_url in {asked.role}_streams, or set {asked.role}_health_look to false.",
        )
    return {"hls_url": ""}
