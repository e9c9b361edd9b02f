# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""The errors that the engine raises, with one root; each message tells a user what to do."""

from __future__ import annotations

from pathlib import Path


class WebinarError(Exception):
    """Root of every error that the engine raises on purpose."""


class InvalidInput(WebinarError):
    """An option is missing, malformed or contradicts another one. Nothing was changed."""


class LedgerError(WebinarError):
    """The stream-key ledger cannot be opened, read, written or decrypted."""


class StreamKeyMissing(LedgerError):
    """The ledger holds no usable stream key for a session."""


class NoLedger(StreamKeyMissing):
    """The configured ledger does not exist, so there is no stream key in it."""


class ServiceError(WebinarError):
    """The service responded with an error, so the outcome of the request is known.

    ``status`` is the HTTP status. ``code`` and ``request_id`` are the service's, if it gives them. ``retry_after`` is
    in seconds.
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
    """No complete response arrived, but the request may have reached the service: its effect is unknown."""


class GarbledAnswer(AnswerLost):
    """A response arrived, but it is not the JSON of the contract: the effect of the request is unknown."""


class CreationUnresolved(WebinarError):
    """It is unknown whether a session or room was created. The ledger records the request for the next run."""


def unexpected_message(error: BaseException) -> str:
    """Return the message for a bug in the collection. It omits the text of the error, which could quote a secret."""
    frames = frames_of(error)
    place = frames[-1].partition(" in ")[0] if frames else "an unknown place"
    return (
        f"tenbyte.webinar has a bug ({type(error).__name__} at {place}). What was done before it is in the ledger. "
        "Run the task again with -vvv, and report this message with the trace, which contains no values, where the "
        "collection's README says."
    )


def frames_of(error: BaseException) -> list[str]:
    """Return an error's call stack, outermost first, as ``FILE:LINE in FUNCTION``, without source lines and values."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    return frames
