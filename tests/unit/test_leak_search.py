# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The search for leaks finds planted secrets: otherwise every test that uses it would pass."""

from __future__ import annotations

import base64
import html
import io
import json
import secrets
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.lab.leaks import ProcessWatch, places_in_files, places_in_texts

FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": json.dumps,
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "URL": lambda secret: quote(secret, safe=""),
    "XML": html.escape,
    "hexadecimal": lambda secret: secret.encode().hex(),
    "first half": lambda secret: secret[: len(secret) // 2 + 2],
    "second half": lambda secret: secret[len(secret) // 2 - 2 :],
    **{
        f"base64 after {before}": lambda secret, before=before: base64.b64encode(  # type: ignore[misc]
            f"{'x' * before}{secret}{'y' * before}".encode()
        ).decode()
        for before in range(4)
    },
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
}


@pytest.fixture
def secret() -> str:
    return f'canary"/+&<{secrets.token_hex(16)}>='


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_secret_is_found_in_each_of_its_forms(secret: str, form: Callable[[str], str], tmp_path: Path) -> None:
    shown = f"before {form(secret)} after"
    assert places_in_texts([secret], {"here": shown, "there": "nothing"}) == ["here"]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "found").write_text(shown)
    (tmp_path / "not").write_text(shown[:9])
    assert [place.split()[0] for place in places_in_files([secret], tmp_path)] == ["a/found"]


def test_a_secret_is_found_in_the_zip_of_a_module(secret: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("arguments.json", json.dumps({"content": secret}) * 5)
    module = f'ZIPDATA = """{base64.b64encode(buffer.getvalue()).decode()}"""'
    assert secret not in module
    (tmp_path / "module.py").write_text(module)
    assert [place.split()[0] for place in places_in_files([secret], tmp_path)] == ["module.py"]


@pytest.mark.parametrize("place", ["cmdline", "environ"])
def test_a_secret_is_found_in_a_process(secret: str, place: str) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with ProcessWatch() as watch:
        process = subprocess.Popen(
            command + [secret] * (place == "cmdline"), env={"SECRET": secret} if place == "environ" else {}
        )
        try:
            give_up = time.monotonic() + 30
            while not watch.places_of([secret]) and time.monotonic() < give_up:
                time.sleep(0.02)
        finally:
            process.kill()
            process.wait()
    assert watch.places_of([secret]) == [f"/proc/{process.pid}/{place}"]
