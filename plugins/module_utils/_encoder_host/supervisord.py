# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The streams of a host as programs of supervisord: of the role's own one, or of one that is there already."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .commands import Done, HostError, Run
from .files import Files
from .outcome import Outcome, revision_of

_NOT_THERE = re.compile("(?i)no such file|refused connection|connection refused")
_NOT_KNOWN = re.compile("(?i)no such|not running|refused connection|connection refused")
_PID = re.compile(r"[1-9][0-9]*\s*\Z")
_STATE = re.compile(r"^(\S+) +([A-Z]+)\b", re.MULTILINE)
_RUNNING = ("STARTING", "RUNNING", "BACKOFF")
_IDLE = re.compile(r"^(\S+) +(?:STOPPED|EXITED|FATAL|UNKNOWN)\b", re.MULTILINE)
# The environment of a run of Ansible may contain credentials. No encoder is to inherit them.
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
_ANSWER_SECONDS, _END_SECONDS = 20, 30


class Supervisord:
    """``settings``: the commands, the file ``config``, the folder ``include``, and ``program`` with ``{}`` for a name.

    ``own`` is None, or the ``content`` of the configuration and the ``pid_file`` of a supervisord of the role's own.
    ``missing`` is the sentence for one that does not start.
    """

    def __init__(self, settings: Mapping[str, Any], files: Files, run: Run) -> None:
        self._settings = settings
        self._own: Mapping[str, Any] | None = settings["own"]
        self._files = files
        self._run = run

    def leave(self, names: Sequence[str], outcome: Outcome) -> None:
        """Stop streams for good, and remove their configuration."""
        for name in names:
            self._files.remove(self._path(name))
        if not names:
            return
        if self._files.check:
            outcome.stopped += self._states(names)
            return
        done = self._ctl("update", *self._programs(names))
        errors = [line for line in done.output.splitlines() if re.match("(?i)error", line)]
        # There is nothing to stop if supervisord does not run, or does not know a stream of a run that was killed.
        is_known = not errors or not all("no such group" in line for line in errors)
        if done.code != 0 and is_known and not _NOT_THERE.search(done.output):
            raise HostError(_failed("update", done))
        outcome.stopped += re.findall(r"^(\S+): removed process group", done.output, re.MULTILINE)

    def stop(self, names: Sequence[str], outcome: Outcome) -> None:
        """Stop streams, also for the next start of supervisord."""
        stopped = []
        for name in names:
            path = self._path(name)
            content = Path(path).read_bytes() if Path(path).exists() else b""
            quiet = re.sub(rb"(?m)^autostart=true$", b"autostart=false", content)
            if content and self._files.file(path, quiet, 0o600, shown=False, note="autostart=false"):
                stopped.append(self._program(name))
        if names and self._files.check:
            stopped += [name for name, state in self._states(names).items() if state in _RUNNING]
        elif names:
            # `update` stops streams whose configuration has changed. `stop` is for those that were started by hand.
            for word in ("update", "stop"):
                done = self._ctl(word, *self._programs(names))
                if done.code != 0 and not _NOT_KNOWN.search(done.output):
                    raise HostError(_failed(word, done))
                stopped += re.findall(r"^(\S+): stopped", done.output, re.MULTILINE)
        outcome.stopped += dict.fromkeys(stopped)

    def start(self, streams: Sequence[Mapping[str, Any]], outcome: Outcome) -> None:
        """Write the configuration of the streams; start those that do not run, and restart those that have changed."""
        programs = self._programs(one["name"] for one in streams)
        for program, one in zip(programs, streams):
            path, revision = self._path(one["name"]), revision_of(one, self._files)
            is_there = Path(path).exists()
            content = one["program"].replace("@REVISION@", revision).encode()
            if self._files.file(path, content, 0o600, shown=False, note=one["note"]) and self._files.check:
                (outcome.restarted if is_there else outcome.started).append(program)
        if self._own is not None:
            self._files.file(self._settings["config"], self._own["content"].encode(), 0o600, shown=True)
        if self._files.check:
            self._preview(programs, outcome)
            return
        done = self._update(programs, outcome)
        outcome.started += re.findall(r"^(\S+): added process group", done.output, re.MULTILINE)
        outcome.restarted += re.findall(r"^(\S+): updated process group", done.output, re.MULTILINE)
        if programs:
            idle = _IDLE.findall(self._ctl("status", *programs).output)
            if idle:
                started = self._ctl("start", *idle)
                if started.code == 127:
                    raise HostError(_failed("start", started))
                outcome.started += [one for one in idle if one not in outcome.restarted]

    def _preview(self, programs: Sequence[str], outcome: Outcome) -> None:
        """Add the programs that run no more and would be started."""
        said = self._ctl("status", *programs).output if programs else ""
        idle = programs if self._own is not None and _NOT_THERE.search(said) else _IDLE.findall(said)
        outcome.started += [one for one in idle if one not in [*outcome.started, *outcome.restarted]]

    def serve(self, _service: Mapping[str, Any], _outcome: Outcome) -> None:
        """Services beside the streams are for systemd alone."""

    def reread(self, _unit: str, _stamp: str, _digest: str, _outcome: Outcome) -> None:
        """So are these."""

    def last_words(self, _names: Sequence[str], _further: Sequence[str]) -> str:
        """The log of each stream has them."""
        return ""

    def wait(
        self, names: Sequence[str], _further: Sequence[str], _seconds: float, timeout: int, refused: int | None = None
    ) -> bool:
        """Wait until supervisord calls all streams running, or they have given up.

        It calls them running when they have been up for their startsecs.
        """
        programs = self._programs(names)
        until = time.monotonic() + timeout
        while True:
            running = re.findall(r"^(\S+) +RUNNING\b", self._ctl("status", *programs).output, re.MULTILINE)
            if len(running) == len(programs) or len(running) + len(self.given_up(names, refused)) == len(programs):
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(0.5)

    def given_up(self, names: Sequence[str], refused: int | None) -> list[str]:
        """Return the streams that have ended with the exit code ``refused``: with any other, they are started again."""
        if refused is None or not names:
            return []
        states = self._states(names)
        return [name for name in names if states.get(self._program(name)) == "EXITED"]

    def further(self, _units: Sequence[Mapping[str, Any]], _outcome: Outcome) -> None:
        """Units are for systemd alone."""

    def end(self, _units: Sequence[str], _commands: Sequence[Sequence[str]], _outcome: Outcome) -> None:
        """Shut down the role's own supervisord."""
        if self._own is None or self._files.check or not self._answers():
            return
        self._ctl("shutdown")
        until = time.monotonic() + _END_SECONDS
        while Path(self._own["pid_file"]).exists():
            if time.monotonic() >= until:
                raise HostError(f"supervisord has not ended within {_END_SECONDS} s, so its files were left.")
            time.sleep(0.1)

    def _update(self, programs: Sequence[str], outcome: Outcome) -> Done:
        """Have supervisord read the configuration of the programs, and start the role's own one where it does not run.

        Its own one starts all programs by itself.
        """
        done = self._ctl("update", *programs) if programs else Done(0, "")
        if self._own is not None and (_NOT_THERE.search(done.output) if programs else not self._answers()):
            self._start_supervisord()
            outcome.started += programs
            return Done(0, "")
        if done.code != 0 or re.search("(?im)^error", done.output):
            raise HostError(_failed("update", done))
        return done

    def _start_supervisord(self) -> None:
        settings = self._settings
        begun = self._run([settings["supervisord"], "-c", settings["config"]], _ENVIRONMENT)
        until = time.monotonic() + _ANSWER_SECONDS
        while not self._answers():
            if begun.code != 0 or time.monotonic() >= until:
                raise HostError(f"{settings['missing']} It said: {begun.said}")
            time.sleep(0.2)

    def _states(self, names: Sequence[str]) -> dict[str, str]:
        """Return the states of the programs of streams that supervisord knows."""
        programs = self._programs(names)
        found = dict(_STATE.findall(self._ctl("status", *programs).output))
        return {one: found[one] for one in programs if one in found}

    def _answers(self) -> bool:
        return _PID.match(self._ctl("pid").output) is not None

    def _ctl(self, *words: str) -> Done:
        return self._run([self._settings["supervisorctl"], "-c", self._settings["config"], *words], None)

    def _program(self, name: str) -> str:
        program: str = self._settings["program"].format(name)
        return program

    def _programs(self, names: Iterable[str]) -> list[str]:
        return [self._program(name) for name in names]

    def _path(self, name: str) -> str:
        return f"{self._settings['include']}/{self._program(name)}.conf"


def _failed(word: str, done: Done) -> str:
    # A fault of its own comes with a place in Python's library.
    said = re.sub(r"error: <class '[^']*'>, (<Fault [^>]*>)?:? ?file: \S* line: [0-9]+", r"\1", done.said)
    is_overtaken = re.search("BAD_NAME|ALREADY_ADDED|STILL_RUNNING|no such group", done.output)
    way_out = " Another run may be at work on this host: wait for its end, and run again." if is_overtaken else ""
    return f"supervisorctl {word} has failed: {said}{way_out}"
