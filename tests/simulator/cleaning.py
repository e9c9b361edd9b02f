# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How services change texts and times before they store or return them."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone

# A step is a name in ``STEPS``, ``cut:N``, or (in the test's process) a function of a text.
Step = str | Callable[[str], str]

STEPS: dict[str, Callable[[str], str]] = {
    "html": html.escape,
    "blanks": lambda text: re.sub(r"\s+", " ", text),
    "trim": str.strip,
    "nfc": lambda text: unicodedata.normalize("NFC", text),
    "nfd": lambda text: unicodedata.normalize("NFD", text),
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "upper": str.upper,
    "lower": str.lower,
    "lf": lambda text: text.replace("\r\n", "\n").replace("\r", "\n"),
    "crlf": lambda text: re.sub(r"\r\n|\r|\n", "\r\n", text),
    "end": lambda text: text.rstrip("\r\n"),
    "invisible": lambda text: "".join(char for char in text if unicodedata.category(char) != "Cf"),
}
UNITS = {"minutes": 60_000_000, "seconds": 1_000_000, "milliseconds": 1_000, "microseconds": 1}
_CUT = re.compile(r"cut:([1-9][0-9]{0,4})", re.ASCII)
_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


def is_step(value: object) -> bool:
    return callable(value) or (isinstance(value, str) and (value in STEPS or bool(_CUT.fullmatch(value))))


def is_offset(value: object) -> bool:
    return value == "Z" or (isinstance(value, str) and bool(_OFFSET.fullmatch(value)))


def cleaned(text: str, steps: Sequence[Step]) -> str:
    """Return a text after all steps, in their order."""
    for step in steps:
        if not isinstance(step, str):
            text = step(text)
        elif step in STEPS:
            text = STEPS[step](text)
        else:
            text = text[: int(step.removeprefix("cut:"))]
    return text


def cut_time(moment: datetime, precision: str, rounded: bool) -> datetime:
    """Return a time at a precision, truncated or rounded (half up)."""
    unit = UNITS[precision]
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    since = (moment - midnight) // timedelta(microseconds=1)
    return midnight + timedelta(microseconds=(since + (unit // 2 if rounded else 0)) // unit * unit)


def shown_time(moment: datetime, precision: str, offset: str, zeros_cut: bool) -> str:
    """Return a time as RFC 3339 with an offset (``Z``, ``+02:00``), with or without trailing zeros of the fraction."""
    found = _OFFSET.fullmatch(offset)
    if found:
        sign = -1 if found[1] == "-" else 1
        moment = moment.astimezone(timezone(sign * timedelta(hours=int(found[2]), minutes=int(found[3]))))
    digits = "seconds" if precision == "minutes" else precision
    text = moment.replace(tzinfo=None).isoformat(timespec=digits)
    if zeros_cut and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text + offset
