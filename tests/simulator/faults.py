# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults on demand: rules for which requests go wrong, how often, and how."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .crashes import POINTS
from .dashboard import ChangeError, change_from
from .limits import RateLimit
from .records import Json
from .showing import without

# The required and the optional options of each action, besides method, path, times, skip and page.
ACTIONS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "latency": (frozenset({"seconds"}), frozenset({"when"})),
    "status": (frozenset({"status"}), frozenset({"when", "body", "headers"})),
    "rate_limit": (frozenset({"per_second"}), frozenset({"burst", "retry_after"})),
    "html": (frozenset(), frozenset({"when", "status"})),
    "drop": (frozenset(), frozenset({"when"})),
    "truncate": (frozenset(), frozenset()),
    "delay_commit": (frozenset({"seconds"}), frozenset({"hold"})),
    "crash": (frozenset({"point", "process"}), frozenset({"seconds"})),
    "lagging_list": (frozenset({"seconds"}), frozenset()),
    "ignore_page": (frozenset(), frozenset({"whole"})),
    "repeat_page": (frozenset(), frozenset()),
    "short_page": (frozenset({"items"}), frozenset()),
    "change": (frozenset({"change"}), frozenset({"when"})),
    "wrong_total": (frozenset(), frozenset({"by"})),
    "no_total": (frozenset(), frozenset()),
    "foreign_fields": (frozenset(), frozenset()),
    "without": (frozenset({"fields"}), frozenset()),
}
# Actions that determine the response, so that no other rule can.
DECIDING = frozenset({"status", "rate_limit", "html", "drop", "truncate", "delay_commit"})


class FaultError(ValueError):
    """A rule with an unknown action or wrong options."""


@dataclass
class Rule:
    """One rule. ``when`` is ``before`` or ``after`` the commit. ``times`` is None for no end.

    ``path`` is a regular expression, searched in the path below the API's base URL. With ``page``, the rule applies
    only to requests for that page of a list. ``struck``: the action was carried out.

    - ``rate_limit`` refuses with 429 what exceeds so many requests ``per_second``, after a ``burst`` (1) at once. With
      ``retry_after``, in seconds, a refusal has that header, and all requests are refused until that time is over.
      ``skip`` and ``times`` count refusals.
    - ``change`` makes a change of the dashboard (``dashboard.Change``) before the request is handled, or after it.
    - ``short_page`` returns at most so many ``items``, with the correct total.
    - ``crash`` kills a client's process and its descendants ``seconds`` after the ``point`` of the exchange. It has
      ``struck`` if the process was alive until then.
    - ``delay_commit`` commits the request after ``seconds``. It closes the connection at once, or with ``hold`` keeps
      it open without a response.
    """

    action: str
    method: str = "*"
    path: str = ""
    times: int | None = 1
    skip: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    page: int | None = None
    struck: bool = False

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise FaultError(f"action: {self.action!r} is unknown; known: {', '.join(sorted(ACTIONS))}")
        needed, optional = ACTIONS[self.action]
        for name in sorted(needed - self.options.keys()):
            raise FaultError(f"{name}: is needed by the action {self.action}")
        for name in sorted(self.options.keys() - needed - optional):
            raise FaultError(f"{name}: is not an option of the action {self.action}")
        for name, value in self.options.items():
            _check_option(name, value)
        if self.times is not None and not _is_count(self.times, least=1):
            raise FaultError(f"times: must be a positive integer, or null for ever, not {self.times!r}")
        if not _is_count(self.skip, least=0):
            raise FaultError(f"skip: must be a whole number, not {self.skip!r}")
        if self.page is not None and not _is_count(self.page, least=1):
            raise FaultError(f"page: must be the number of a page, or null for any, not {self.page!r}")
        try:
            self._pattern = re.compile(self.path)
        except re.error as error:
            raise FaultError(f"path: {self.path!r} is not a regular expression: {error}") from None
        if self.action == "html":
            self.options.setdefault("status", 502)
        self._limit: RateLimit | None = None
        if self.action == "rate_limit":
            wait = self.options.get("retry_after")
            self._limit = RateLimit(self.options["per_second"], self.options.get("burst", 1), wait)
            self.options |= {"status": 429, "headers": {"Retry-After": str(wait)} if wait else {}}

    def matches(self, method: str, path: str, page: int = 1) -> bool:
        of_page = self.page is None or (self.page == page and method == "GET")
        return self.method in ("*", method) and of_page and bool(self._pattern.search(path))

    def is_due(self) -> bool:
        """Count one matching request and return whether the rule applies to it."""
        if self._limit is not None and self._limit.allows_one():
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0

    def after_commit(self) -> bool:
        return self.action == "truncate" or self.options.get("when", "before") == "after"


def _check_option(name: str, value: object) -> None:
    accepts, expected = _OPTIONS[name]
    if not accepts(value):
        raise FaultError(f"{name}: must be {expected}, not {value!r}")
    if name == "change":
        try:
            change_from(value)
        except ChangeError as error:
            raise FaultError(f"change: {error}") from None


class Faults:
    """The rules in force. Safe to use from several threads."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._lock = threading.Lock()
        self._rules = list(rules)
        # The number of requests that have not been committed yet; only the service's thread changes it.
        self.late_commits = 0

    def add(
        self,
        action: str,
        *,
        method: str = "*",
        path: str = "",
        times: int | None = 1,
        skip: int = 0,
        page: int | None = None,
        **options: Any,
    ) -> Rule:
        """Add a rule; raise FaultError if it is invalid."""
        return self._added(Rule(action, method.upper(), path, times, skip, options, page))

    def add_from(self, data: object) -> Rule:
        return self._added(rule_from(data))

    def _added(self, rule: Rule) -> Rule:
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def due(self, method: str, path: str, page: int = 1) -> list[Rule]:
        """Return the rules that apply to this request, at most one of them with a deciding action."""
        with self._lock:
            hits: list[Rule] = []
            decided = False
            for rule in self._rules:
                deciding = rule.action in DECIDING
                if not rule.matches(method, path, page) or (deciding and decided) or not rule.is_due():
                    continue
                decided = decided or deciding
                hits.append(rule)
            self._rules = [rule for rule in self._rules if rule.times is None or rule.times > 0]
            return hits


def rule_from(data: object) -> Rule:
    """Return the rule of a seed or a request; raise FaultError if it is invalid."""
    if not isinstance(data, Mapping) or not isinstance(data.get("action"), str):
        raise FaultError("a rule must be an object with an action")
    if not all(isinstance(data.get(name, ""), str) for name in ("method", "path")):
        raise FaultError("method and path: must be strings")
    own = {"method", "path", "times", "skip", "page"}
    given = {str(name): value for name, value in data.items()}
    options = {name: value for name, value in given.items() if name not in own and name != "action"}
    kept = {name: value for name, value in given.items() if name in own}
    return Rule(given["action"], **{**kept, "method": kept.get("method", "*").upper()}, options=options)


def change_data(data: Json, rules: list[Rule]) -> Json:
    """Apply the rules to a response's ``data`` in place, and return it."""
    for rule in rules:
        if rule.action == "wrong_total" and "total" in data:
            data["total"] += rule.options.get("by", 7)
        elif rule.action == "no_total":
            data.pop("total", None)
        elif rule.action == "foreign_fields":
            _for_each_object(data, _add_foreign_fields)
        elif rule.action == "without":
            _for_each_object(data, lambda item, names=rule.options["fields"]: _drop_from_session(item, names))  # type: ignore[misc]
    return data


def _for_each_object(value: object, change: Callable[[Json], None]) -> None:
    if isinstance(value, dict):
        for inner in list(value.values()):
            _for_each_object(inner, change)
        change(value)
    elif isinstance(value, list):
        for inner in value:
            _for_each_object(inner, change)


def _add_foreign_fields(item: Json) -> None:
    item.update(x_region="eu-1", x_labels=["a", "b"], x_quota={"used": 1, "of": None})


def _drop_from_session(item: Json, names: list[str]) -> None:
    if {"room_id", "preset"} <= item.keys():
        without(item, names)


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 3600


_OPTIONS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "seconds": (_is_seconds, "a number of seconds up to 3600"),
    "when": (lambda value: value in ("before", "after"), "before or after (the commit)"),
    "status": (lambda value: _is_count(value, least=300) and value <= 599, "an HTTP status from 300 to 599"),
    "body": (lambda value: isinstance(value, (dict, str)), "an object or a string"),
    "headers": (
        lambda value: isinstance(value, dict) and all(isinstance(part, str) for pair in value.items() for part in pair),
        "an object of strings",
    ),
    "per_second": (
        lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0,
        "a positive number of requests",
    ),
    "burst": (lambda value: _is_count(value, least=1), "a positive integer"),
    "retry_after": (lambda value: _is_count(value, least=1), "a positive integer of seconds"),
    "items": (lambda value: _is_count(value, least=0), "a whole number"),
    "change": (lambda value: callable(value) or isinstance(value, Mapping), "an object with do"),
    "whole": (lambda value: isinstance(value, bool), "true or false"),
    "hold": (lambda value: isinstance(value, bool), "true or false"),
    "point": (lambda value: value in POINTS, f"one of {', '.join(POINTS)}"),
    "process": (lambda value: _is_count(value, least=2), "the id of a process"),
    "by": (lambda value: isinstance(value, int) and not isinstance(value, bool), "an integer"),
    "fields": (
        lambda value: isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value),
        "a list of field names of a session, such as status or preset.type",
    ),
}
