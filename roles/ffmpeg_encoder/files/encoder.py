# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps one stream on air: ``python3 encoder.py SETTINGS KEY_FILE FOLDER``. Needs nothing but Python 3.9 and ffmpeg.

SETTINGS is a JSON file:

- ``ffmpeg``: the program;
- ``source``, ``profile``, ``slate``: what is shown and how it is encoded, as the role describes them, with defaults;
- ``ingest``, ``app``, ``tls``: where it goes;
- ``stall_seconds``: after so many seconds without progress, ffmpeg is restarted;
- ``source_seconds``: after so many seconds without data from the source, the slate is shown;
- ``sound_seconds``: after so many seconds without the source's sound beside its picture, silence is sent; 0 for never;
- ``refusals``: after so many refusals in a row, this program gives up and ends with the exit code 77.

``FOLDER/status.json`` has the state of the stream:

- ``state``: ``connecting``, ``on air``, ``waiting`` (for the next try), ``unsendable`` (what the source has cannot be
  sent), ``refused`` (this program has given up) or ``stopped``;
- ``showing``: ``source``, ``slate`` or ``nothing``;
- ``since``, ``shown``, ``flowing``, ``alive``: when the state began, when what is shown began, when media last went
  out, when this program last wrote, in seconds since 1970;
- ``refusals`` and ``failures`` in a row; ``last_words`` of ffmpeg; ``first_media_seconds``, how long the start took;
- ``note``: what is sent, but not as it should be; ``source_problem``: why the slate is shown.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from encoder_commands import Commands, commands_of, is_paced, watched
from encoder_feed import Feed
from encoder_media import (
    UNSEEN,
    Look,
    Settings,
    ffprobe_beside,
    is_shared,
    key_frame_problem,
    last_words,
    look_at,
    problem,
    problem_unseen,
)
from encoder_messages import is_no_aac, is_refusal, lacks_sound, never_sendable
from encoder_processes import Lock, Process, delay_after, end_with_supervisord, say
from encoder_sound import FLOWING_SECONDS, Sound

STARTED = time.monotonic()
GAVE_UP = 77
# supervisord takes a program that ends within its startsecs, 3, for one that could not start, and starts it again
# whatever its exit code is.
UP_SECONDS = 4.0
# A connection that sends media for so long was accepted. One that ends sooner may have been refused.
ACCEPTED_SECONDS = 3.0
# After so many seconds on air, the delays between restarts begin at 1 second again.
STABLE_SECONDS = 30.0
ALIVE_SECONDS = 3.0
# After so many seconds on air, a second connection to the source takes the place of no first one.
SETTLED_SECONDS = 10.0
# Bytes. FLV's header and the descriptions of its tracks are smaller; media is what comes after them.
HEADER_BYTES = 2048


class Progress:
    """ffmpeg's -progress: whether media goes out, and when it last grew.

    Only the bytes tell. Time and frames grow with what is encoded, and ffmpeg may hold that back: it sends nothing
    before each track has begun, and nothing of a picture that is ahead of its sound.
    """

    def __init__(self, process: Process) -> None:
        self.grew = time.monotonic()
        self._most = {"total_size": HEADER_BYTES, "frame": 0}
        self._first: float | None = None
        self._process = process
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def seconds(self) -> float:
        """The seconds, by the clock, from the first to the last media."""
        return 0.0 if self._first is None else self.grew - self._first

    @property
    def flows(self) -> bool:
        return self._first is not None

    @property
    def has_encoded(self) -> bool:
        """Whether there were pictures, sent or not."""
        return self._most["frame"] > 0

    def _read(self) -> None:
        with self._process.output as output:
            for line in output:
                name, _separator, value = line.decode(errors="replace").strip().partition("=")
                # Before the first packet, a value is N/A or a large negative number.
                if name in self._most and value.isdigit() and int(value) > self._most[name]:
                    self._most[name] = int(value)
                    if name == "total_size":
                        self.grew = time.monotonic()
                        self._first = self.grew if self._first is None else self._first


class Status:
    """The file with the state of the stream. If it cannot be written, such as on a full disk, the stream goes on."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "status.json"
        self._known: dict[str, object] = {"showing": "nothing", "last_words": ""}
        self._notes: dict[str, str] = {}
        self._written = 0.0
        self._lock = threading.Lock()

    @property
    def showing(self) -> object:
        return self._known["showing"]

    @property
    def last_words(self) -> object:
        return self._known["last_words"]

    def on_air(self, grew: float) -> None:
        """Set the state to on air. The first time, record the seconds since the start of this program."""
        self._known.setdefault("first_media_seconds", round(time.monotonic() - STARTED, 1))
        flowing = round(time.time() - (time.monotonic() - grew), 1)
        self.set(state="on air", quietly={"flowing": flowing})

    def note(self, about: str, text: str) -> None:
        """Keep a note about something, or none if the text is empty, beside those about other things."""
        self._notes[about] = text
        self.set(note="; ".join(filter(None, self._notes.values())))

    def set(self, quietly: dict[str, object] | None = None, **changes: object) -> None:
        """Write what has changed. ``quietly`` alone is written now and then, as is that this program is alive."""
        with self._lock:
            is_new = any(self._known.get(name) != value for name, value in changes.items())
            if "state" in changes and changes["state"] != self._known.get("state"):
                self._known["since"] = self._known["changed"] = round(time.time(), 1)
            if "showing" in changes and changes["showing"] != self._known.get("showing"):
                self._known["shown"] = round(time.time(), 1)
            self._known.update(changes, **(quietly or {}))
            if is_new or time.monotonic() - self._written > ALIVE_SECONDS:
                self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        self._known["alive"] = round(time.time(), 1)
        with contextlib.suppress(OSError):
            unfinished = self._file.with_suffix(".new")
            unfinished.write_text(json.dumps(self._known) + "\n")
            unfinished.replace(self._file)


class Source:
    """Knows what the source has: it is looked at before the first start, and again after each start that has failed."""

    def __init__(self, settings: Settings, key_file: Path, status: Status) -> None:
        self._settings = settings
        self.key_file = key_file
        self._status = status
        self._ffprobe = ffprobe_beside(settings["ffmpeg"])
        if not self._ffprobe and settings["source"]["type"] in ("file", "url"):
            say(UNSEEN)
        self._look: Look | None = None
        self._is_known = False
        self._is_noted = False
        # What is copied is nearly always AAC, also where nobody looks at it. Of another codec, ffmpeg tells at once.
        self._is_aac = True
        self.sound = Sound(settings, status.set, lambda text: status.note("sound", text))

    @property
    def is_recording(self) -> bool:
        """Whether it ends by itself, as a recording does and a camera or a live playlist does not."""
        return self._look.recorded if self._look is not None else is_paced(self._settings, None)

    @property
    def is_fine(self) -> bool:
        """Whether it was looked at, and can be read."""
        return self._settings["source"]["type"] == "test_pattern" or (self._look is not None and not self._look.error)

    def forget(self) -> None:
        self._is_known = False

    def heed(self, words: str) -> None:
        """Learn of the sound from ffmpeg's messages."""
        self.sound.heed(words)
        self._is_aac = self._is_aac and not is_no_aac(words)

    def change_sound(self) -> None:
        self.sound.change()
        # It may have been looked at while its sound was dead.
        if self._look is not None and not self._look.sounds:
            self.forget()

    def commands(self) -> Commands | None:
        """Return ffmpeg's commands, or None if what the source has cannot be sent; the status then says why."""
        if not self._is_known:
            self._look = look_at(self._ffprobe, self._settings["source"], self._status.set)
            self._is_known = True
        look = self._look
        found = problem(self._settings_now(), look)
        if not found:
            # A file that took too long to be looked at may have everything.
            known = None if look is None or look.error else look
            self.sound.settle()
            self.sound.expect(known, is_watched=watched(self._settings, known) is not None)
            if known is not None and self.sound.is_replaced:
                known = replace(known, sounds=())
            return commands_of(self._settings_now(), known, self.key_file, self.sound.pipe, is_aac=self._is_aac)
        # Without a look, its tracks would be guessed, and a guess holds as long as the connection.
        self.forget()
        words = look.error if look is not None and look.error else found
        say(f"the source cannot be sent: {words}")
        if self._settings["slate"]["type"] != "none":
            self._status.set(source_problem=words)
        elif look is not None and look.error:
            self._status.set(state="waiting", showing="nothing", last_words=words)
        else:
            self._status.set(state="unsendable", showing="nothing", last_words=words)
        return None

    def sender(self) -> Commands:
        """Return the command that sends what the feed gives, so that it needs no look at the source."""
        return commands_of(self._settings, None, self.key_file, is_aac=self._is_aac)

    def _settings_now(self) -> Settings:
        if not self.sound.is_replaced:
            return self._settings
        # That the sound which was chosen is missing is known.
        return {**self._settings, "source": {**self._settings["source"], "audio_track": ""}}

    def note_key_frames(self) -> None:
        """Look, once, for how often the picture that is copied has a key frame. This needs a second connection."""
        if self._settings["profile"]["name"] != "copy" or self._is_noted:
            return
        self._is_noted = True
        if is_shared(self._settings["source"]):
            threading.Thread(target=self._look_for_key_frames, daemon=True).start()

    def _look_for_key_frames(self) -> None:
        found = key_frame_problem(self._ffprobe, self._settings["source"], self._look)
        if found:
            say(found)
            self._status.note("key frames", found)


@dataclass(frozen=True)
class Sent:
    """What became of a publisher: the seconds it sent, its last messages, and its exit code, None if it stalled.

    ``lacked_sound`` if it sent nothing because it had a picture and waited for a sound. ``changes_sound`` if it was
    ended to be started again, with silence or with the sound that is back.
    """

    seconds: float = 0.0
    words: str = ""
    code: int | None = None
    lacked_sound: bool = False
    changes_sound: bool = False


def publish(
    command: list[str], lock: Lock, hidden: str, settings: Settings, status: Status, feed: Feed | None, source: Source
) -> Sent:
    """Run the publisher until it ends or stalls."""
    process = Process("ffmpeg", command, lock, hidden, feed=feed is not None, pipes=[] if feed else source.sound.pipes)
    progress = Progress(process)
    code = None
    never_sent = has_encoded = changes_sound = is_on_air = False
    if feed is not None:
        feed.attach(process)
    else:
        status.set(showing="source")
    status.set(state="connecting")
    try:
        while process.code is None:
            time.sleep(0.25)
            idle = time.monotonic() - progress.grew
            if progress.flows:
                if not is_on_air:
                    is_on_air = True
                    say("on air")
                status.on_air(progress.grew)
                if progress.seconds > SETTLED_SECONDS:
                    source.note_key_frames()
            else:
                # What ffmpeg complains of while it starts may be why it never sends.
                status.set(last_words=last_words(process.words) or status.last_words)
            # With a slate, the feed sees to it: the publisher has what the feed gives.
            if feed is None and source.sound.has_changed(picture_flows=progress.flows and idle < FLOWING_SECONDS):
                changes_sound = True
                break
            if idle > float(settings["stall_seconds"]):
                say(f"ffmpeg has sent nothing for {settings['stall_seconds']} s: it is started again")
                # At its end, ffmpeg sends what it has kept.
                never_sent, has_encoded = not progress.flows, progress.has_encoded
                break
        else:
            code = process.code
            say(f"ffmpeg has ended with code {code} after {progress.seconds:.0f} s on air")
    finally:
        if feed is not None:
            feed.attach(None)
        process.stop()
    lacked_sound = never_sent and (has_encoded or lacks_sound(process.words))
    return Sent(progress.seconds, process.words, code, lacked_sound, changes_sound)


def main(arguments: list[str]) -> int:
    settings_file, key_file, folder = (Path(argument) for argument in arguments)
    settings = json.loads(settings_file.read_text())
    hidden = key_file.read_text().partition("=")[2].strip()
    end_with_supervisord()
    lock = Lock(folder)
    locked = lock.take()
    if locked:
        say(locked)
        return 1
    status = Status(folder)
    # Looking at a source takes time. Meanwhile nobody is to read what an earlier run has left.
    status.set(state="connecting")
    # SIGTERM ends the program through its finally blocks.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    try:
        return send(settings, key_file, folder, lock, hidden, status)
    except SystemExit:
        status.set(state="stopped", showing="nothing")
        raise


def send(settings: Settings, key_file: Path, folder: Path, lock: Lock, hidden: str, status: Status) -> int:
    """Send until the stream is stopped, or gives up. Return the exit code."""
    source = Source(settings, key_file, status)
    if settings["slate"]["type"] == "none":
        return keep_sending(settings, source, lock, hidden, status, None)

    def source_command() -> list[str] | None:
        commands = source.commands()
        source.forget()
        return commands.source if commands else None

    def shown(what: str) -> None:
        if what == "source":
            status.set(showing=what, source_problem="")
        else:
            status.set(showing=what)

    def failed(words: str) -> None:
        source.sound.heed(words)
        if lacks_sound(words):
            source.sound.change()
        else:
            source.sound.suspect()
        status.set(source_problem=problem_unseen(settings, words) or last_words(words))

    feed = Feed(settings, folder, lock, shown, failed, source_command, source.sound)
    try:
        return keep_sending(settings, source, lock, hidden, status, feed)
    finally:
        feed.stop()


def keep_sending(settings: Settings, source: Source, lock: Lock, hidden: str, status: Status, feed: Feed | None) -> int:
    failures = refusals = 0
    while True:
        commands = source.sender() if feed else source.commands()
        sent = Sent()
        if commands is not None:
            command = [commands.publish[0], "-progress", "pipe:1", *commands.publish[1:]]
            sent = publish(command, lock, hidden, settings, status, feed, source)
        source.heed(sent.words)
        if sent.changes_sound:
            source.change_sound()
            _wait(1.0, status)
            continue
        # A recording that was sent to its end is no failure. A camera that ends is one.
        is_well = sent.seconds >= STABLE_SECONDS or (sent.code == 0 and sent.seconds > 0 and source.is_recording)
        failures = 0 if is_well else failures + 1
        refusals = refusals + 1 if sent.seconds < ACCEPTED_SECONDS and is_refusal(sent.words, settings) else 0
        if feed is None and sent.lacked_sound:
            source.sound.change()
        elif feed is None and sent.seconds == 0.0 and sent.code is None:
            source.sound.suspect()
        if not is_well:
            source.forget()
        if refusals >= settings["refusals"]:
            status.set(state="refused", showing="nothing", refusals=refusals, last_words=last_words(sent.words))
            say(f"the ingest has refused the stream {refusals} times in a row, so this program gives up:")
            say("its key is no longer valid, or its session has ended. The role ffmpeg_encoder writes a new key")
            _wait(STARTED + UP_SECONDS - time.monotonic(), status)
            return GAVE_UP
        pause = delay_after(max(failures - 1, 0))
        found = ""
        if feed is None and sent.seconds == 0.0:
            found = problem_unseen(settings, sent.words)
            if not found and source.is_fine and (sent.code or 0) > 0:
                found = never_sendable(sent.words, settings)
        if found:
            say(f"the source cannot be sent: {found}")
            status.set(state="unsendable", showing="nothing", last_words=found)
        elif commands is not None:
            status.set(
                state="waiting", showing=status.showing if feed else "nothing", last_words=last_words(sent.words)
            )
        status.set(refusals=refusals, failures=failures)
        say(f"the next try is in {pause:.0f} s")
        _wait(pause, status)


def _wait(seconds: float, status: Status) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status.set()
        time.sleep(max(0.0, min(1.0, deadline - time.monotonic())))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
