# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.simulator --seed FILE.yml --ready-file PATH``: run a simulator until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

import yaml

from .seed import SeedError
from .server import Simulator


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seed", type=Path, required=True, help="YAML file: users, presets, rooms, sessions, ingest")
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 means a free one")
    parser.add_argument("--ready-file", type=Path, required=True, help="written as JSON when connections are accepted")
    options = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_signal: stopped.set())
    try:
        with Simulator(_seed(options.seed), options.port) as simulator:
            _announce(options.ready_file, simulator)
            stopped.wait()
            options.ready_file.unlink(missing_ok=True)
    except (SeedError, OSError) as error:
        print(f"The simulator cannot start with {options.seed}: {error}", file=sys.stderr)
        return 2
    return 0


def _seed(path: Path) -> dict[str, object]:
    try:
        data: dict[str, object] = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        # The text of the error quotes the file, which contains credentials.
        place = getattr(error, "problem_mark", None)
        raise SeedError(f"not YAML at line {place.line + 1 if place else '?'}") from None
    return data


def _announce(ready_file: Path, simulator: Simulator) -> None:
    """Write the file under another name and rename it: a waiting process must not read an incomplete file."""
    ready = {"api_url": simulator.api_url, "ingest_url": simulator.ingest_url, "pid": os.getpid()}
    unfinished = ready_file.with_name(f".{ready_file.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(ready) + "\n", encoding="utf-8")
    unfinished.replace(ready_file)


if __name__ == "__main__":
    sys.exit(main())
