# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.bench.bare EVENT.json``: run the plain client, and print its seconds, imports included."""

from __future__ import annotations

import sys
import time


def main() -> int:
    begun, begun_cpu = time.perf_counter(), time.process_time()
    # What it takes to import the libraries belongs to the time, as it does for an action.
    from pathlib import Path

    from .plain_client import provision

    provision(Path(sys.argv[1]))
    wall, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    print(f'{{"wall_seconds": {wall}, "cpu_seconds": {cpu}}}')
    return 0


if __name__ == "__main__":
    sys.exit(main())
