# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Grabs one frame of each stream: reads {"streams": {ID: URL}, "at_once": N} and prints {ID: JPEG in base64}."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

# The time limit for one stream, in seconds. A stream that takes longer has no picture.
TIMEOUT = 15


def frame(url: str) -> str | None:
    # The URL comes from the service, so ffmpeg may follow only web protocols from it.
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-threads", "1"]
    command += ["-protocol_whitelist", "http,https,httpproxy,tcp,tls,crypto", "-rw_timeout", "5000000", "-i", url]
    command += ["-frames:v", "1", "-vf", "scale=480:-2", "-q:v", "6", "-c:v", "mjpeg", "-f", "image2pipe", "-"]
    try:
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return base64.b64encode(done.stdout).decode() if done.stdout.startswith(b"\xff\xd8\xff") else None


def main() -> None:
    asked = json.load(sys.stdin)
    with ThreadPoolExecutor(max_workers=asked["at_once"]) as pool:
        grabbed = {name: pool.submit(frame, url) for name, url in asked["streams"].items()}
    frames = {name: future.result() for name, future in grabbed.items()}
    sys.stdout.write(json.dumps({name: content for name, content in frames.items() if content}))


main()
