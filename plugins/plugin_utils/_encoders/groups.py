# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Which role sends the streams of a host: the groups of the inventory say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ROLES = {
    "encoders": "tenbyte.webinar.ffmpeg_encoder",
    "relays": "tenbyte.webinar.rtmp_relay",
    "studios": "tenbyte.webinar.obs_encoder",
}


def encoder_groups(groups: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return what the groups of an inventory, hosts by group, say of its encoders.

    ``patterns`` are for the ``hosts`` of a play: the groups that have hosts, because Ansible warns of each that nobody
    has; ``encoders`` where there is none of them. ``roles`` are the roles by host. ``problem`` is a sentence about
    hosts that are in two of the groups, empty if none is.
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
