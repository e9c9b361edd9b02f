# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Checks the single values of a source: its path or URL, its device, and what has a form of its own.

A message names the value and what is wrong with it, and does not quote it: a URL may hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .role_values import fits, is_plain_text, is_text_or_number, refuse

SIZE = re.compile(r"[1-9][0-9]{1,4}x[1-9][0-9]{1,4}\Z")
FRAMERATE = re.compile(r"[1-9][0-9]{0,2}\Z")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
_BLANK = re.compile(r"\s")
# What each type of source cannot do without, and what it is like.
_NEEDED = {
    "file": ("path", "a file source needs the absolute path of a file, such as /srv/film.mp4"),
    "image": ("path", "an image needs the absolute path of a file, such as /srv/slide.png"),
    "url": ("url", "a url source needs a URL like rtsp://camera/main"),
    "device": ("device", "a device source needs a device like /dev/video0"),
}
_FORMS = {
    "device": (re.compile(r"/dev/[A-Za-z0-9/_.-]+\Z"), "a device is like /dev/video0."),
    "audio_device": (re.compile(r"[A-Za-z0-9:,=._-]+\Z"), "an audio_device is like hw:1 or default."),
    "size": (SIZE, "a size is like 1280x720."),
    "framerate": (FRAMERATE, "a framerate is a whole number from 1 to 999."),
    "tone": (re.compile(r"[1-9][0-9]{1,4}\Z"), "a tone is a whole number of hertz from 10 to 99999."),
    # A language is as ISO 639 writes it.
    "audio_track": (
        re.compile(r"(?:[1-9][0-9]?|[A-Za-z]{2,3})\Z"),
        "an audio_track is a number from 1 to 99, or a language such as eng.",
    ),
}


def check_source_values(source: Mapping[str, Any], where: str) -> None:
    """Raise InvalidInput where a value of a source is missing or wrong. Empty values are not in the source any more."""
    name, needs = _NEEDED.get(source["type"], ("", ""))
    if name and name not in source:
        refuse(f"{where}.{name}", f"it is missing or empty; {needs}.")
    if name == "path":
        _refuse_for(path_problem(source["path"]), f"{where}.path", needs)
    if name == "url":
        _refuse_for(_url_problem(source["url"]), f"{where}.url", needs)
    for option, (form, sentence) in _FORMS.items():
        if option in source and not fits(source[option], form):
            refuse(f"{where}.{option}", sentence)


def path_problem(path: Any) -> str:
    """Return what is wrong with the absolute path of a file, an empty text if nothing is.

    systemd does not bind a path with ``..`` into a unit.
    """
    if not isinstance(path, str):
        return "it is no text"
    if not is_plain_text(path):
        return "it has a control character, or half a character, in it"
    if not path.startswith("/"):
        return "it does not begin with /"
    return "it has .. in it" if ".." in path.split("/") else ""


def _url_problem(url: Any) -> str:
    if not is_text_or_number(url):
        return "it is no text"
    text = str(url)
    if _BLANK.search(text):
        return "it has a blank, or the end of a line, in it (a blank is %20 in a URL)"
    if not is_plain_text(text):
        return "it has a control character, or half a character, in it"
    found = _SCHEME.match(text)
    if not found:
        return "it does not begin with a protocol in small letters, such as rtsp://"
    return "" if text[found.end() :] else "it has nothing behind its protocol"


def _refuse_for(problem: str, where: str, needs: str) -> None:
    if problem:
        refuse(where, f"{problem}; {needs}.")
