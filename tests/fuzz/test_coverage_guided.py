# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""atheris searches for responses that break the engine: a few seconds, with ``make fuzz`` some minutes."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.targets import ENCODING, SECRET, STATUS, TARGETS
from tests.measuring import measuring

ROOT = Path(__file__).resolve().parents[2]
SECONDS = int(os.environ.get("TENBYTE_TEST_FUZZ_SECONDS", "4"))
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is not available for this Python or machine"
)
SESSION = {
    "id": "6c0e2b0e-3f57-4f0e-8a5e-1c4f2a9a7e21",
    "room_id": "3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10",
    "title": "Keynote \u202e{{ 7 * 7 }}",
    "status": "scheduled",
    "preset": {"id": "0d3f2c84-5f43-4b0c-9a57-0c6a6f1f2a11", "name": SECRET, "type": "rtmp"},
    "room": {"id": "3f0a5a53-3f4c-4d3c-8f6e-8a4a9a0f9d10", "title": "\x1b[2J", "host": {"id": "1", "username": "a"}},
    "effective_max_join_limit": 5,
    "duration": 1.5,
}
ANSWERS = (
    {"success": True, "timestamp": 1700000000, "data": {"session": SESSION, "stream_key": SECRET}},
    {"success": True, "data": {"sessions": [SESSION, None, 7], "total": 2, "page": 1, "limit": 100}},
    {"success": False, "error": f"no {SECRET}", "message": "stream_key=abc", "code": "x", "errors": [{"field": "a"}]},
)


def corpus(folder: Path) -> None:
    """Write the initial corpus: a valid response with each status and in each encoding."""
    folder.mkdir()
    packings: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "x-gzip": gzip.compress,
        "deflate": zlib.compress,
    }
    for number, answer in enumerate(ANSWERS):
        for status in range(len(STATUS)):
            for place, encoding in enumerate(ENCODING):
                body = packings.get(encoding, bytes)(json.dumps(answer).encode())
                (folder / f"{number}-{status}-{place}").write_bytes(bytes([status, place]) + body)
    for number, text in enumerate(("rtmp://ingest.example.com:1935/live?a=b", "live_abc-123", SECRET)):
        (folder / f"text-{number}").write_text(text)


@pytest.mark.parametrize("target", TARGETS)
def test_the_fuzzer_finds_no_failure(target: str, tmp_path: Path) -> None:
    corpus(tmp_path / "corpus")
    command = [sys.executable, "-m", "tests.fuzz.coverage_guided", target, f"-max_total_time={SECONDS}"]
    command += [
        "-max_len=8192",
        "-rss_limit_mb=2048",
        "-timeout=60",
        f"-artifact_prefix={tmp_path}/",
        "-print_final_stats=1",
    ]
    # The fuzzer measures by itself, and ends without a word to others.
    unmeasured = {name: value for name, value in os.environ.items() if name not in measuring()}
    done = subprocess.run(
        [*command, str(tmp_path / "corpus")],
        env={**unmeasured, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / '.venv' / 'collections'}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    print_end = done.stdout[-4000:] + done.stderr[-1000:]
    assert done.returncode == 0, print_end
    found = re.search(r"stat::number_of_executed_units: (\d+)", done.stderr)
    assert found, print_end
    # At least the responses of the initial corpus.
    assert int(found[1]) > len(ANSWERS) * len(STATUS) * len(ENCODING)
    sys.stdout.write(f"\n{target}: {found[1]} inputs in {SECONDS} s, none that breaks it\n")
