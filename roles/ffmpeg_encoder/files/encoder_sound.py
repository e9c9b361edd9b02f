# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notices that a camera's sound has gone while its picture goes on, and that it is back.

A stream that has announced a sound must send one: players stop at a gap. ffmpeg cannot fill a gap before it has ended,
so it is started again, with silence instead of the sound.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable

from encoder_media import Look, Settings, ffprobe_beside, is_shared, tracks_now
from encoder_processes import say, start_thread

# Seconds. An earlier version has not written them into the settings of its streams.
DEFAULT_SECONDS = 20.0
# Of the pipe for the sound.
LEAST_NUMBER = 200
# Seconds between two looks for a sound that nobody may give up.
ASK_SECONDS = 20.0
# A picture of which something has come within so many seconds goes on.
FLOWING_SECONDS = 2.0


class Sound:
    """The sound of a source. ``is_replaced`` while silence is sent instead.

    ``tell`` changes the state of the stream, and ``note`` what that says of the sound. ffmpeg writes the sound to
    ``pipe`` as it comes, beside what it sends.
    """

    def __init__(self, settings: Settings, tell: Callable[..., None], note: Callable[[str], None]) -> None:
        self._source = settings["source"]
        # How long it may be missing. The source is asked for it as often, once it is.
        self._patience = float(settings.get("sound_seconds", DEFAULT_SECONDS))
        self._ffprobe = ffprobe_beside(settings["ffmpeg"])
        self._tell, self._note = tell, note
        self.is_replaced = False
        self._is_watched = False
        self._is_back = False
        self._is_asked = False
        self._has_heard = False
        self._is_suspected = False
        self._look: Look | None = None
        self._heard = self._asked = time.monotonic()
        # Both ends stay open, so it has no end when an ffmpeg ends.
        self._output, end = os.pipe()
        # A number that ffmpeg gives to no file of its own: a script that starts it may have closed this one.
        number = fcntl.fcntl(end, fcntl.F_DUPFD, LEAST_NUMBER)
        os.close(end)
        self.pipe: int | None = number if self._patience > 0 else None
        start_thread(self._listen)

    @property
    def pipes(self) -> list[int]:
        return [] if self.pipe is None else [self.pipe]

    def _listen(self) -> None:
        while os.read(self._output, 64 * 1024):
            self._heard, self._has_heard = time.monotonic(), True

    def suspect(self) -> None:
        """Note that nothing was sent. Where no sound has come either, that may be why: ffmpeg waits for it."""
        self._is_suspected = self._is_watched and not self._has_heard

    def settle(self) -> None:
        """Have silence sent if a suspected source sends its picture alone. This needs a second connection."""
        is_suspected, self._is_suspected = self._is_suspected, False
        if is_suspected and not self.is_replaced and is_shared(self._source) and self._look and self._look.picture:
            found = tracks_now(self._ffprobe, self._source, self._tell)
            if any(kind == "video" for kind, _index in found) and not self._sound_is_in(found):
                self.change()

    def _sound_is_in(self, tracks: set[tuple[str, int]]) -> bool:
        sound = self._look.sound(self._source.get("audio_track")) if self._look else None
        if self._look is None or sound is None:
            return False
        # At each connection, a camera may announce its tracks in another order, and only those that it sends.
        is_only_one = len(self._look.sounds) == 1
        return any(kind == "audio" and (is_only_one or index == sound.index) for kind, index in tracks)

    def excuse(self) -> None:
        """Count anew: what the source sends was not taken for a while."""
        self._heard = time.monotonic()

    def heed(self, words: str) -> None:
        """Watch the sound no more if ffmpeg could not write it: a script that starts ffmpeg may close the pipe."""
        if self.pipe is not None and f"pipe:{self.pipe}" in words and "Bad file descriptor" in words:
            say("ffmpeg does not get the pipe for the sound, so nobody notices if the sound of the source goes")
            self.pipe = None

    def expect(self, look: Look | None, *, is_watched: bool) -> None:
        """Begin anew with a source that was looked at, whose sound comes through the pipe if it ``is_watched``."""
        # Of a sound that is dead, some formats tell nothing: what was there before is what may come back.
        if not self.is_replaced or (look is not None and look.sounds):
            self._look = look
        self._is_watched = is_watched and self.pipe is not None
        self._heard, self._has_heard, self._is_back = time.monotonic(), False, False

    def has_changed(self, *, picture_flows: bool) -> bool:
        """Return whether ffmpeg has to be started again, as the sound is gone or back. It is asked all the time."""
        now = time.monotonic()
        if self.is_replaced:
            if is_shared(self._source) and not self._is_asked and now - self._asked > (self._patience or ASK_SECONDS):
                self._is_asked = True
                start_thread(self._ask)
            return self._is_back
        # A source that sends nothing at all has lost more than its sound.
        if not picture_flows:
            self._heard = now
        return self._is_watched and now - self._heard > self._patience

    def change(self) -> None:
        """Have silence sent instead of the sound, or the sound again, when ffmpeg starts the next time."""
        self._is_back, self._asked = False, time.monotonic()
        if self._look is None or self._look.picture is None or not self._look.sounds:
            return
        self.is_replaced = not self.is_replaced
        if self.is_replaced:
            end = (
                "It is looked at again and again, and its sound is sent when it is back"
                if is_shared(self._source)
                else "Start the stream again when the source has its sound"
            )
            note = f"its source announces a sound and sends none, so silence is sent. {end}"
            say(note)
            self._note(note)
        else:
            say("the source is tried with its sound again")
            self._note("")

    def _ask(self) -> None:
        self._is_back = self._sound_is_in(tracks_now(self._ffprobe, self._source))
        self._asked = time.monotonic()
        self._is_asked = False
