# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible import paths
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PLACE", "there")
    return tmp_path


def test_home_and_variables_are_expanded(home: Path) -> None:
    assert paths.expanded("~/$PLACE/x") == f"{home}/there/x"
    assert (paths.expanded("~"), paths.expanded("/srv/~x"), paths.expanded("x")) == (str(home), "/srv/~x", "x")


def test_an_unknown_user_is_reported(home: Path) -> None:
    with pytest.raises(ValueError, match=r"^'~nobody-of-this-name/x': ~nobody-of-this-name names no user"):
        paths.expanded("~nobody-of-this-name/x")
    with pytest.raises(InvalidInput, match=r"^ledger_url '~nobody-of-this-name/x': .* names no user"):
        paths.ledger_url_with_home("sqlite:///~nobody-of-this-name/x")


def test_without_a_home_a_path_is_refused_and_a_ledger_url_keeps_its_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "home_folder", lambda: None)
    with pytest.raises(ValueError, match=r"^'~/x' begins with ~, but there is no home folder"):
        paths.expanded("~/x")
    assert paths.ledger_url_with_home("sqlite:///~/x.db") == "sqlite:///~/x.db"
    assert paths.default_ledger_url({}).startswith("sqlite:///~/")


@pytest.mark.parametrize("beginning", ["sqlite:///", "sqlite+pysqlite:///"])
def test_the_home_in_a_ledger_url_is_expanded(home: Path, beginning: str) -> None:
    assert paths.ledger_url_with_home(f"{beginning}~/keys.db") == f"{beginning}{home}/keys.db"


@pytest.mark.parametrize(
    "url", ["sqlite:////~/x", "sqlite:///x", "postgresql+psycopg://u:~@h/~d", "~/x", "sqlite://~/x"]
)
def test_other_ledger_urls_are_not_changed(home: Path, url: str) -> None:
    assert paths.ledger_url_with_home(url) == url


def test_the_default_ledger_is_below_an_absolute_xdg_data_home_else_below_the_home(home: Path) -> None:
    name = "tenbyte-webinar/ledger.sqlite3"
    assert paths.default_ledger_url({"XDG_DATA_HOME": "/data"}) == f"sqlite:////data/{name}"
    for relative in ({"XDG_DATA_HOME": "data"}, {}):
        assert paths.default_ledger_url(relative) == f"sqlite:///{home}/.local/share/{name}"


def test_a_relative_path_starts_at_the_current_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert paths.absolute("x", "path") == folder / "x"
    folder.rmdir()
    with pytest.raises(InvalidInput, match=r"^path is relative, and the current folder is gone"):
        paths.absolute("x", "path")
