# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of ``scripts/bench``.

As a program, it only checks them. It needs no library, so that ``scripts/bench`` can do that before it installs any.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from .variants import LATENCIES, SIZES, VARIANTS

_Value = TypeVar("_Value")
_DESCRIPTION = """\
Measure the collection beside what a user would use instead, and what the wire allows. Without options it measures all,
which takes about half an hour; the options measure a part.
"""


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options. Exit with a message where one cannot be used."""
    letters = ", ".join(f"{letter} ({variant.name})" for letter, variant in VARIANTS.items())
    numbers, latencies = ", ".join(map(str, SIZES)), ", ".join(map(str, LATENCIES))
    parser = argparse.ArgumentParser(prog="scripts/bench", description=_DESCRIPTION)
    parser.add_argument(
        "--runs", type=at_least_one, default=3, help="how often everything runs (3); the medians are shown"
    )
    parser.add_argument("--only", type=_some(VARIANTS), default=set(VARIANTS), help=f"some of {letters}")
    parser.add_argument(
        "--sizes", type=_some(SIZES), default=set(SIZES), help=f"some of the numbers of sessions: {numbers}"
    )
    parser.add_argument(
        "--latency",
        type=_some(LATENCIES),
        default=set(LATENCIES),
        help=f"some of the milliseconds until the service answers: {latencies}",
    )
    parser.add_argument("--strict", action="store_true", help="fail if a bar is not met")
    return parser.parse_args(arguments)


def at_least_one(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 1")
    return int(text)


def _some(known: Collection[_Value]) -> Callable[[str], set[_Value]]:
    def some(text: str) -> set[_Value]:
        chosen: set[_Value] = set()
        for word in text.split(","):
            found = [value for value in known if str(value) == word]
            if not found:
                raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(map(str, known))}")
            chosen.update(found)
        return chosen

    return some


if __name__ == "__main__":
    options(sys.argv[1:])
