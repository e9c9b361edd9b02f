# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.environment import honoured, in_force
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._ansible.options import FROM_ENVIRONMENT
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import InvalidInput


@pytest.mark.parametrize(
    "name",
    [
        *FROM_ENVIRONMENT.values(),
        "PGPASSWORD",
        "PGSSLMODE",
        "XDG_DATA_HOME",
        "HTTPS_PROXY",
        "no_proxy",
        "CURL_CA_BUNDLE",
    ],
)
def test_documented_variables_apply(name: str) -> None:
    assert honoured([{name: "outer"}, {name: " inner\n"}]) == {name: "inner"}
    assert honoured([{name: "outer"}, {name: ""}, {name: None}]) == {name: "outer"}


@pytest.mark.parametrize("name", ["HOME", "PATH", "LD_PRELOAD", "PYTHONPATH", "XDG_CONFIG_HOME", "PG", "proxy"])
def test_variables_for_the_host_of_a_task_do_not_apply(name: str) -> None:
    assert honoured([{name: "x"}]) == {}


def test_the_keyword_may_be_empty_and_must_be_a_mapping() -> None:
    assert honoured([None, {}, ""]) == {}
    with pytest.raises(InvalidInput, match=r"^environment is no mapping\."):
        honoured(["TENBYTE_API_KEY=x"])


def test_a_number_becomes_text() -> None:
    assert honoured([{"TENBYTE_API_KEY": 1234}]) == {"TENBYTE_API_KEY": "1234"}


def test_the_environment_is_restored_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENBYTE_A", "before")
    monkeypatch.delenv("TENBYTE_B", raising=False)
    with in_force({"TENBYTE_A": "within", "TENBYTE_B": "within"}):
        assert (os.environ["TENBYTE_A"], os.environ["TENBYTE_B"]) == ("within", "within")
    with contextlib.suppress(KeyError), in_force({"TENBYTE_A": "within"}):
        raise KeyError
    assert os.environ["TENBYTE_A"] == "before"
    assert "TENBYTE_B" not in os.environ
