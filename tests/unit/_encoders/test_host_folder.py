# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._encoders.host_folder import check_folder, check_root

from tests.unit._encoders.answering_host import task


@pytest.mark.parametrize("root", ["/srv/encoder", "/a/b.c/d-e_f+g"])
def test_a_root_of_its_own_is_accepted(root: str) -> None:
    check_root(task(root=root))


@pytest.mark.parametrize(
    "root", ["/", "/etc", "etc/x", "/etc/x/", "/etc/x\n", "/etc/$HOME", "/etc/a b", "/etc/..", "/a/./b", ""]
)
def test_a_root_that_is_not_plainly_its_own_is_refused(root: str) -> None:
    with pytest.raises(InvalidInput, match="ffmpeg_encoder_root must be an absolute path"):
        check_root(task(root=root))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            {"foreign": "/srv/app/log/today.log"},
            "_root (/srv/app) has a file that is not this role's, /srv/app/log/today.log, and none that is",
        ),
        (
            {"other_root": "/etc/old"},
            "are in /etc/old, and ffmpeg_encoder_root is /srv/app now. First take them off with ffmpeg_encoder_root:",
        ),
        (
            {"sent_elsewhere": [["/home/me/old", "Hall/Talk"]]},
            "an encoder of /home/me/old sends Hall/Talk already",
        ),
    ],
)
def test_a_folder_that_is_not_the_one_of_the_role_is_refused(found: dict[str, Any], message: str) -> None:
    nothing: dict[str, Any] = {"foreign": "", "other_root": "", "sent_elsewhere": []}
    check_folder(task(root="/srv/app"), nothing)
    with pytest.raises(InvalidInput) as raised:
        check_folder(task(root="/srv/app"), nothing | found)
    assert message in str(raised.value)
    assert str(raised.value).endswith("Nothing was changed.")
