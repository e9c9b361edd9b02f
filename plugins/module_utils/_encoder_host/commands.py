# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Runs programs on the host, and the error that ends the module with a sentence."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# From typing, because Python 3.8 can give no types to the one of collections.abc: it must at least import this file.
from typing import Callable


class HostError(Exception):
    """The host cannot be brought to what is asked for. The text is a sentence for the user."""


# User and password in a URL, and its query, which may hold a token: programs repeat them in their messages.
_CREDENTIALS = re.compile(r"(://)[^/\s]+@")
_QUERY = re.compile(r"""(://[^\s?#]*[?#])\S+?(?=[:;,.'"]*(?:\s|\Z))""")


@dataclass(frozen=True)
class Done:
    """How a program ended. ``output`` is its standard output, ``errors`` its standard error."""

    code: int
    output: str
    errors: str = ""

    @property
    def said(self) -> str:
        """What it said, short enough for a message, and without the password and the query of a URL."""
        text = _CREDENTIALS.sub(r"\1********@", " ".join((self.output + " " + self.errors).split()))
        return _QUERY.sub(r"\1********", text)[:300]


# Takes a program with its arguments, an environment instead of the module's own, and an input.
Run = Callable[..., Done]


def run(command: Sequence[str], environment: Mapping[str, str] | None = None, text: str = "") -> Done:
    """Run a program to its end, with a text as its input. A program that cannot be started has the code 127."""
    try:
        # Not AnsibleModule.run_command, which cannot start a program with an environment of its own.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            list(command),
            input=text.encode(),
            capture_output=True,
            # Messages are compared, so they are asked for in English.
            env={**os.environ, "LC_ALL": "C"} if environment is None else dict(environment),
            check=False,
        )
    except OSError as error:
        return Done(127, "", f"{command[0]}: {error.strerror}")
    return Done(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
