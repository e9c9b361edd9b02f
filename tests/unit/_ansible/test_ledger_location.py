# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible import paths
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.ledger_location import ledger_settings_from
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ledger import location


def test_a_ledger_url_needs_no_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "home_folder", lambda: None)
    assert not location.may_exist(ledger_settings_from({}, {}))
    assert ledger_settings_from({}, {"XDG_DATA_HOME": "/data"}).url.startswith("sqlite:////data/")
    assert ledger_settings_from({"ledger_url": "sqlite:////srv/x.db"}, {}).url == "sqlite:////srv/x.db"


def test_the_ledger_is_read_from_its_options() -> None:
    options = {"ledger_url": "sqlite:////srv/x.db", "ledger_key": "k", "ledger_key_file": "/srv/x.key"}
    settings = ledger_settings_from(options, {})
    assert (settings.url, settings.key, settings.key_file) == ("sqlite:////srv/x.db", "k", "/srv/x.key")
    default = ledger_settings_from({}, {"XDG_DATA_HOME": "/data"})
    assert (default.url, default.key) == ("sqlite:////data/tenbyte-webinar/ledger.sqlite3", None)


def test_a_bad_ledger_url_is_refused_before_the_ledger_is_opened() -> None:
    with pytest.raises(InvalidInput, match="ledger_url"):
        ledger_settings_from({"ledger_url": "/srv/x.db"}, {})
