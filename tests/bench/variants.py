# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of the benchmark, and the sizes and latencies with which each runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import plays

CREATED, UNCHANGED, ONCE = "created", "unchanged", "once"
# By the number of sessions: rooms, and sessions in each.
SIZES = {50: (50, 1), 200: (200, 1), 1000: (1000, 1), 10_000: (500, 20)}
# Milliseconds until the service answers.
LATENCIES = (0, 50)
PAGE = 100
_ALL = tuple(SIZES)


@dataclass(frozen=True)
class Variant:
    """A row. ``files`` are those of its playbook, by name; without any, it is the bare client.

    ``sizes`` are numbers of sessions, by latency. ``calls``: it calls the service, so it runs once to create the event,
    and once to find that nothing is to be done.
    """

    letter: str
    name: str
    sizes: dict[int, tuple[int, ...]]
    files: dict[str, str]
    calls: bool = True

    @property
    def phases(self) -> tuple[str, ...]:
        return (CREATED, UNCHANGED) if self.calls else (ONCE,)

    def write_playbook(self, folder: Path) -> Path:
        for name, text in self.files.items():
            (folder / name).write_text(text)
        return folder / PLAYBOOK


PLAYBOOK = "playbook.yml"
_ROWS = (
    Variant("a", "uri, room by room", {0: (50, 200), 50: (50,)}, {PLAYBOOK: plays.URI, "room.yml": plays.URI_ROOM}),
    Variant("a1", "uri, rooms listed once", {0: (50,)}, {PLAYBOOK: plays.URI_ROOMS_LISTED_ONCE}),
    Variant("b", "session in a loop", {0: (50, 200), 50: (50,)}, {PLAYBOOK: plays.SESSION}),
    Variant("c", "event", {0: _ALL, 50: _ALL}, {PLAYBOOK: plays.EVENT}),
    Variant("d", "bare client", {0: _ALL, 50: _ALL}, {}),
    Variant("e", "empty play", {0: _ALL}, {PLAYBOOK: plays.EMPTY}, calls=False),
    Variant("f", "copy of the options", {0: _ALL}, {PLAYBOOK: plays.COPY}, calls=False),
    Variant("g", "copy, validated by Ansible", {0: _ALL}, {PLAYBOOK: plays.COPY_VALIDATED}, calls=False),
)
VARIANTS = {variant.letter: variant for variant in _ROWS}
# These rows take many minutes, so only the first round has them.
ONCE_ONLY = ("a", "a1")
LEFT_OUT = (
    "uri: in the first round only.",
    "uri and session in a loop with more than 200 sessions: an item takes up to a second, and each more takes as long.",
    "uri and session in a loop with 50 ms: only with 50 sessions, for the same reason. Each call waits for the last.",
    "uri, rooms listed once: only with 50 sessions. It shows how much of the other uri loop is the list of rooms.",
    "empty play and the copies: without latency only, because they call nothing.",
)


@dataclass(frozen=True)
class Cell:
    """A size and a latency (in milliseconds), with which all of its variants run one after the other."""

    rooms: int
    sessions_per_room: int
    latency: int = 0
    variants: tuple[Variant, ...] = ()

    @property
    def size(self) -> int:
        return self.rooms * self.sessions_per_room

    @property
    def event_size(self) -> str:
        """Return how large the event is, in words: the sessions, and how they are divided among rooms."""
        rooms = "one per room" if self.sessions_per_room == 1 else f"in {self.rooms:,} rooms"
        return f"{self.size:,}{',' if self.sessions_per_room == 1 else ''} {rooms}"

    def calls_needed(self, phase: str) -> tuple[int, int]:
        """Return how many reads and creations are needed, with pages of 100, the last of which is not full."""
        if phase == CREATED:
            return 1, self.rooms + self.size
        pages = self.rooms // PAGE + 1, self.sessions_per_room // PAGE + 1
        return pages[0] + self.rooms * pages[1], 0


def cell_of(size: int, latency: int = 0, variants: tuple[Variant, ...] = ()) -> Cell:
    return Cell(*SIZES[size], latency, variants)


def cells(only: set[str], sizes: set[int], latencies: set[int]) -> Iterator[Cell]:
    for latency in LATENCIES:
        for size in SIZES:
            variants = tuple(
                variant
                for variant in VARIANTS.values()
                if variant.letter in only and size in variant.sizes.get(latency, ())
            )
            if variants and size in sizes and latency in latencies:
                yield cell_of(size, latency, variants)
