# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Reads all pages of a list, or fails: an object that is missing from a list could be created a second time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import ServiceError, WebinarError

PAGE_LIMIT = 100
# The contract's default, which every service must accept.
DEFAULT_LIMIT = 10
MOST_PAGES = 10_000
# In bytes, for all pages of one list. Ten thousand sessions take less.
LARGEST_LIST = 64 * 1024 * 1024
_LARGEST_PAGE = 1_000_000
# In seconds, before each pass through a list that keeps changing. Every list of several pages needs two passes.
PAUSES = (0.0, 0.0, 0.5, 1.0, 2.0)
_NOTHING_DONE = "Nothing is done with an incomplete list: what it leaves out could be created twice."

# From a path and a query to a page: the response's ``data``, and the response's size in bytes.
ReadPage = Callable[[str, Mapping[str, Any]], tuple[Any, int]]


@dataclass
class _Reading:
    """One pass through a list.

    ``pages`` are the ids on each page, None for an item without one. ``listed`` counts the items on pages with new
    items. ``total`` is the largest total that was reported. ``overlaps``: a page with new items repeated an item of an
    earlier page. ``is_grown``: all items of the previous pass are in this one. ``size`` is in bytes.
    """

    limit: int
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    pages: list[list[str | None]] = field(default_factory=list)
    listed: int = 0
    total: int | None = None
    totals: set[int | None] = field(default_factory=set)
    overlaps: bool = False
    is_grown: bool = False
    size: int = 0

    @property
    def lacks_some(self) -> bool:
        return self.total is not None and self.total > self.listed

    @property
    def is_of_one_page(self) -> bool:
        """Return whether one response contained everything: there was only one, or all pages were the same."""
        return all(page == self.pages[0] for page in self.pages[1:])

    def ends_where(self, status: int) -> bool:
        """Return whether an error response to the next page means that the list has ended.

        404 does. Another status does only if all items were read already.
        """
        return status == 404 or (status in (400, 416, 422) and self.total is not None and not self.lacks_some)

    @property
    def is_consistent(self) -> bool:
        """Return whether this pass shows no sign of a concurrent change.

        That proves nothing: one item may be deleted while another one is created.
        """
        return not self.lacks_some and not self.overlaps and len(self.totals) < 2

    def add_total(self, data: Mapping[str, Any]) -> None:
        total = _count(data, "total")
        self.totals.add(total)
        if total is not None:
            self.total = total if self.total is None else max(self.total, total)

    def add(self, listed: list[Any]) -> bool:
        """Add the items of the next page; return whether one of them is new."""
        ids = [_id_of(item) for item in listed]
        is_repeated = ids in self.pages
        self.pages.append(ids)
        fresh = {key: item for key, item in zip(ids, listed, strict=True) if key is not None and key not in self.items}
        self.overlaps = self.overlaps or (not is_repeated and len(fresh) + ids.count(None) < len(ids))
        if is_repeated or not (fresh or None in ids):
            return False
        self.items |= fresh
        self.listed += len(listed)
        return True

    def confirms(self, earlier: _Reading | None) -> bool:
        """Return whether this pass proves that the earlier one, or this one, missed no item.

        An item that is deleted during a pass moves the following items forward. One of them may move to a page that was
        read already, and is missed. Then one of two things holds: the deleted item was read, and the next pass lacks
        it; or it was created during the pass, and moved an item to a later page, where it was read twice (an overlap).
        A total proves nothing: another item may have been created meanwhile.

        While items are created, each pass may have an overlap. Then two growing passes in a row are the proof.
        """
        if earlier is None or earlier.lacks_some:
            return False
        if earlier.pages == self.pages:
            return True
        return self.is_grown and (earlier.is_grown or not earlier.overlaps)


class PagedLists:
    """Reads the lists of one service. Safe to use from several threads."""

    def __init__(self, read_page: ReadPage, sleep: Callable[[float], None]) -> None:
        self._read_page = read_page
        self._sleep = sleep
        # Becomes DEFAULT_LIMIT after the service has refused the larger limit.
        self._limit = PAGE_LIMIT
        self._unconfirmed: set[str] = set()

    def is_confirmed(self, path: str) -> bool:
        """Return whether the last result for a path has every item that existed during the whole call."""
        return path not in self._unconfirmed

    def items(self, path: str, key: str, *, sure: bool = True) -> list[dict[str, Any]]:
        """Return all items of a list, each id once; raise WebinarError if they cannot all be read.

        ``key`` is the name of the list in ``data``. The result has every item that existed during the whole call. A
        list of one page with a correct total takes one request. A list of several pages is read until one pass confirms
        another. Without ``sure``, one consistent pass is enough; ``is_confirmed`` reports whether it was confirmed.
        """
        self._unconfirmed.discard(path)
        earlier: _Reading | None = None
        limit = self._limit
        for pause in PAUSES:
            if pause or (earlier and earlier.lacks_some):
                self._sleep(pause or PAUSES[2])
            reading = self._reading(path, key, limit, earlier)
            reading.is_grown = earlier is not None and earlier.items.keys() <= reading.items.keys()
            if not reading.lacks_some and (reading.is_of_one_page or reading.confirms(earlier)):
                return list(reading.items.values())
            if not sure and reading.is_consistent:
                self._unconfirmed.add(path)
                return list(reading.items.values())
            limit = min(limit, reading.limit)
            if reading.lacks_some:
                if earlier and earlier.lacks_some and earlier.pages == reading.pages:
                    break
                # Some services compute the offset of a page from the requested limit, but return fewer items per page.
                limit = min(limit, len(reading.pages[0]) or limit)
            earlier = reading
        if reading.lacks_some:
            raise _incomplete(path, reading.listed, reading.total)
        raise WebinarError(
            f"GET {path}: the list keeps changing; it was read {len(PAUSES)} times, and differed each time. "
            f"{_NOTHING_DONE} Run the task again when nobody else creates or deletes rooms or sessions."
        )

    def _reading(self, path: str, key: str, limit: int, earlier: _Reading | None) -> _Reading:
        """Make one pass through a list.

        The last page is a short one where ``total`` is reached, or one without a new item: neither ``total`` nor a
        short page is enough alone (contract, "always page"). If the service ignores ``page`` and returns the same page
        again, all items are requested at once.
        """
        reading = _Reading(limit)
        for page in range(1, MOST_PAGES + 1):
            answer, listed = self._page(path, key, page, reading)
            is_repeated = bool(listed) and [_id_of(item) for item in listed] in reading.pages
            is_new = reading.add(listed)
            if is_repeated and (reading.lacks_some or (reading.is_of_one_page and len(listed) == reading.limit)):
                return self._all_at_once(path, key, reading)
            if not is_new or _is_last_page(answer, listed, reading):
                return reading
            if earlier and not earlier.lacks_some and reading.pages == earlier.pages[:-1]:
                # The pages before the last are unchanged, so the last one need not be read again.
                reading.items = earlier.items | reading.items
                reading.pages, reading.listed, reading.total = earlier.pages, earlier.listed, earlier.total
                return reading
        raise WebinarError(f"GET {path} did not end after {MOST_PAGES} pages.")

    def _all_at_once(self, path: str, key: str, repeated: _Reading) -> _Reading:
        """Request all items in one page, because the service returns the same page for every page number.

        Without a larger ``total``, a full page may still mean more items. A service that returns fewer items than the
        requested limit has no more.
        """
        total = repeated.total if repeated.lacks_some else None
        for limit in (_LARGEST_PAGE, 10 * PAGE_LIMIT, repeated.limit + 1) if total is None else (total,):
            reading = _Reading(limit)
            try:
                listed = self._page(path, key, 1, reading)[1]
            except ServiceError as error:
                if error.status not in (400, 413, 422):
                    raise
                continue
            reading.add(listed)
            reading.total = total if reading.total is None else reading.total
            if listed and not reading.lacks_some and (total is not None or len(listed) < limit):
                return reading
            raise _repeated(path, max(len(reading.items), len(repeated.items)), reading.total)
        raise _repeated(path, len(repeated.items), total)

    def _page(self, path: str, key: str, page: int, reading: _Reading) -> tuple[Mapping[str, Any], list[Any]]:
        try:
            data, size = self._read_page(path, {"page": page, "limit": reading.limit})
        except ServiceError as error:
            if page == 1 and error.status in (400, 422) and reading.limit == PAGE_LIMIT:
                reading.limit = DEFAULT_LIMIT
                found = self._page(path, key, page, reading)
                self._limit = DEFAULT_LIMIT
                return found
            if page > 1 and reading.ends_where(error.status):
                return {}, []
            raise
        reading.size += size
        if reading.size > LARGEST_LIST:
            raise WebinarError(
                f"GET {path}: the pages of the list are larger than {LARGEST_LIST // 2**20} MiB in total."
            )
        answer = data if isinstance(data, dict) else {}
        # A list that is null is empty, and so is a missing one beside other members of a page. A response without any
        # of them is no page: read as an empty one, it would cause everything to be created a second time.
        if page == 1 and not answer.keys() & {key, "total", "page", "limit"}:
            raise WebinarError(f"The response to GET {path} has no '{key}', so the list is unknown. Is api_url right?")
        listed = answer.get(key) or []
        if not isinstance(listed, list):
            raise WebinarError(f"The response to GET {path} has '{key}' that is not a list. Is api_url right?")
        reading.add_total(answer)
        return answer, listed


def _is_last_page(answer: Mapping[str, Any], listed: list[Any], reading: _Reading) -> bool:
    limit = _count(answer, "limit")
    # Services may or may not count unusable items.
    is_all = _count(answer, "total") in (reading.listed, len(reading.items))
    return is_all and limit is not None and len(listed) < min(limit, reading.limit)


def _incomplete(path: str, listed: int, total: int | None) -> WebinarError:
    return WebinarError(f"GET {path}: {listed} of {total} items can be read. {_NOTHING_DONE} Run the task again.")


def _repeated(path: str, listed: int, total: int | None) -> WebinarError:
    return WebinarError(
        f"GET {path} returns the same page for every page number: {listed} of {total or 'more'} items can be read. "
        f"{_NOTHING_DONE} Delete rooms or sessions that are not needed."
    )


def _id_of(item: Any) -> str | None:
    name = item.get("id") if isinstance(item, dict) else None
    return name if isinstance(name, str) else None


def _count(answer: Mapping[str, Any], name: str) -> int | None:
    value = answer.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
