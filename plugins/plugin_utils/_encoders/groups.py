# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Which role sends the streams of a host. The host's group in the inventory decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ROLES = {
    "encoders": "tenbyte.webinar.ffmpeg_encoder",
    "relays": "tenbyte.webinar.rtmp_relay",
    "studios": "tenbyte.webinar.obs_encoder",
}


def encoder_groups(groups: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return which hosts send streams, and with which role. ``groups`` are the hosts of the inventory by group.

    ``patterns`` are for the ``hosts`` of a play. They are the groups that have hosts, because Ansible warns about a
    pattern without hosts; only ``encoders`` where no group has any. ``roles`` are the roles by host. ``problem`` is a
    sentence about hosts that are in two groups, empty where there is none.
    """
    of_host: dict[str, list[str]] = {}
    for group in ROLES:
        for host in groups.get(group) or ():
            of_host.setdefault(host, []).append(group)
    twice = [
        f"{host} is in the groups {' and '.join(several)}" for host, several in of_host.items() if len(several) > 1
    ]
    way_out = (
        "; a host sends its streams in one way. Take it out of all but one of them, or give the machine two names in "
        "the inventory, one for each. Nothing was done."
    )
    return {
        "patterns": [group for group in ROLES if groups.get(group)] or ["encoders"],
        "roles": {host: ROLES[several[0]] for host, several in of_host.items()},
        "problem": ", ".join(twice) + way_out if twice else "",
    }
