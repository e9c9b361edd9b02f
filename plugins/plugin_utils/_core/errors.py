# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The one family of errors that the engine raises; each message is a sentence that a user can act on."""

from __future__ import annotations

from pathlib import Path


class WebinarError(Exception):
    """Root of every error that the engine raises on purpose."""


class InvalidInput(WebinarError):
    """An option is missing, malformed or contradicts another; nothing was changed."""


class LedgerError(WebinarError):
    """The stream-key ledger cannot be opened, read, written or decrypted."""


class StreamKeyMissing(LedgerError):
    """The ledger holds no usable stream key for a session."""


class NoLedger(StreamKeyMissing):
    """There is no ledger where one is said to be, and so no stream key in it."""


class ServiceError(WebinarError):
    """The service gave a definite answer that is not a success.

    ``status`` is the HTTP status, ``code`` and ``request_id`` are the service's own, where it gives them;
    ``retry_after`` is in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after


class NotSent(WebinarError):
    """No byte of the request reached the service, so nothing can have changed there."""


class AnswerLost(WebinarError):
    """The request may have reached the service, but its answer did not come back whole: the effect is unknown."""


class GarbledAnswer(AnswerLost):
    """The answer came back, but it is not the service's JSON."""


class CreationUnresolved(WebinarError):
    """A session or room may or may not have been created; the ledger keeps the intent for the next run."""


def unexpected_message(error: BaseException) -> str:
    """Name a mistake of the collection's own by its type and place only: its text could quote a secret."""
    frames = frames_of(error)
    place = frames[-1].partition(" in ")[0] if frames else "an unknown place"
    return (
        f"tenbyte.webinar met a mistake of its own ({type(error).__name__} at {place}). What was done before it is in "
        "the ledger; run the task again with -vvv, and report this with what is shown then, which holds no value."
    )


def frames_of(error: BaseException) -> list[str]:
    """Return the way to an error, outermost first, as FILE:LINE in FUNCTION: no source line, no value, no text."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    return frames
