# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Strict checks of requests: a client that violates the contract gets an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from .refusals import bad_parameter, bad_request, invalid, problem

Check = Callable[[object], Any]

DEFAULT_LIMIT = 10
# The contract has no upper bound. A larger limit is reduced to this one without an error, as in many services.
MOST_PER_PAGE = 100
LARGEST_PAGE = 2**31 - 1

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_DATE_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d+))?(?:([Zz])|([+-])(\d{2}):(\d{2}))", re.ASCII
)


class Unacceptable(ValueError):
    """A value that a check refuses. ``code`` becomes ``errors[].code``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Field:
    check: Check
    required: bool = False


@dataclass(frozen=True)
class Listing:
    """The requested page of a list, and the faults that change it.

    ``asked`` is the requested limit, ``limit`` the one that the service uses. Faults: ``lag`` hides items younger than
    so many seconds; ``repeat`` returns the first page for every page number; ``whole`` returns all items at once;
    ``most_items`` shortens the page and leaves the total unchanged.
    """

    page: int = 1
    limit: int = DEFAULT_LIMIT
    lag: float = 0.0
    repeat: bool = False
    whole: bool = False
    most_items: int | None = None
    asked: int = DEFAULT_LIMIT


def text(shortest: int = 0, longest: int | None = None) -> Check:
    def check(value: object) -> str:
        if not isinstance(value, str):
            raise Unacceptable("validation_type", "This field must be a string")
        if len(value) < shortest:
            raise Unacceptable("validation_min_length", f"This field must have at least {shortest} characters")
        if longest is not None and len(value) > longest:
            raise Unacceptable("validation_max_length", f"This field must have at most {longest} characters")
        return value

    return check


def one_of(*choices: str) -> Check:
    def check(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise Unacceptable("validation_enum", f"This field must be one of: {', '.join(choices)}")
        return value

    return check


def whole_number(least: int, most: int) -> Check:
    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unacceptable("validation_type", "This field must be an integer")
        if not least <= value <= most:
            raise Unacceptable("validation_range", f"This field must be from {least} to {most}")
        return value

    return check


def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unacceptable("validation_type", "This field must be a boolean")
    return value


def uuid(value: object) -> str:
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise Unacceptable("validation_uuid", "This field must be a UUID")
    return value.lower()


def date_time(value: object) -> datetime:
    """Return an RFC 3339 ``date-time`` as an aware datetime in UTC."""
    found = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Unacceptable("validation_datetime", "This field must be an RFC 3339 date-time with an offset")
    day, clock, fraction, _zulu, sign, hours, minutes = found.groups()
    try:
        local = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6]:0<6}+00:00")
        if sign is None:
            return local
        if int(hours) > 23 or int(minutes) > 59:
            raise ValueError("offset out of range")
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return local - offset if sign == "+" else local + offset
    except (ValueError, OverflowError) as error:
        raise Unacceptable("validation_datetime", f"This field is not a date-time that exists: {error}") from None


def mapping(fields: Mapping[str, Field]) -> Check:
    def check(value: object) -> dict[str, Any]:
        return _checked_mapping(value, fields)

    return check


class _Several(Unacceptable):
    """Several problems of a mapping, each with the path of its field."""

    def __init__(self, problems: list[dict[str, str]]) -> None:
        super().__init__("validation_failed", "Several fields are not acceptable")
        self.problems = problems


def _checked_mapping(value: object, fields: Mapping[str, Field]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unacceptable("validation_type", "This field must be an object")
    accepted: dict[str, Any] = {}
    problems = [
        problem(name, "validation_unknown_field", "This field is not in the contract") for name in value.keys() - fields
    ]
    for name, field in fields.items():
        if name not in value:
            if field.required:
                problems.append(problem(name, "validation_required", "This field is required"))
            continue
        try:
            accepted[name] = field.check(value[name])
        except _Several as several:
            problems += [{**item, "field": f"{name}.{item['field']}"} for item in several.problems]
        except Unacceptable as error:
            problems.append(problem(name, error.code, str(error)))
    if problems:
        raise _Several(sorted(problems, key=lambda item: item["field"]))
    return accepted


def checked_body(body: object, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return the accepted fields of a JSON body; raise Refusal with all its problems."""
    try:
        return _checked_mapping(body, fields)
    except _Several as several:
        raise invalid(several.problems) from None
    except Unacceptable as error:
        raise invalid([problem("body", error.code, "The body must be a JSON object")]) from None


def checked_id(text_of_id: str) -> str:
    try:
        return uuid(text_of_id)
    except Unacceptable as error:
        raise invalid([problem("id", error.code, str(error))]) from None


def checked_query(query: bytes, pages: bool, largest: int = MOST_PER_PAGE, status_of_larger: int = 200) -> Listing:
    """Return the listing that a query requests; raise Refusal for any parameter other than ``page`` and ``limit``.

    A limit above ``largest`` is reduced to it if ``status_of_larger`` is 200, and refused with that status otherwise.
    """
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise bad_request("The query string is not readable") from None
    asked: dict[str, int] = {}
    problems: list[dict[str, str]] = []
    for name, value in pairs:
        if not pages or name not in ("page", "limit"):
            problems.append(problem(name, "validation_unknown_parameter", "This parameter is not in the contract"))
        elif name in asked:
            problems.append(problem(name, "validation_repeated", "This parameter is given twice"))
        elif not re.fullmatch(r"[0-9]{1,10}", value) or not 1 <= int(value) <= LARGEST_PAGE:
            problems.append(problem(name, "validation_range", "This parameter must be a positive integer"))
        else:
            asked[name] = int(value)
    if problems:
        raise invalid(problems)
    limit = asked.get("limit", DEFAULT_LIMIT)
    if "limit" in asked and limit > largest and status_of_larger != 200:
        raise bad_parameter(status_of_larger, "limit", f"This parameter must be at most {largest}")
    return Listing(page=asked.get("page", 1), limit=min(limit, largest), asked=limit)
