# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to this collection: it may change with every version.

"""Reads a paged list whole, or not at all: what is missing from a list could be created a second time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import ServiceError, WebinarError

PAGE_LIMIT = 100
# What the contract documents as the default, so no service refuses it.
DEFAULT_LIMIT = 10
MOST_PAGES = 10_000
# In bytes, of one list with all its pages: more than ten thousand sessions have.
LARGEST_LIST = 64 * 1024 * 1024
_LARGEST_PAGE = 1_000_000
# In seconds, before each reading of a list that goes on changing. Two are what any list of several pages takes.
PAUSES = (0.0, 0.0, 0.5, 1.0, 2.0)
_NOTHING_DONE = "Nothing is done with an incomplete list: what it leaves out could be created twice."

# Reads one page, given the path and the query: the answer's data, and how many bytes the answer had.
ReadPage = Callable[[str, Mapping[str, Any]], tuple[Any, int]]


@dataclass
class _Reading:
    """One pass through a list. ``pages`` holds the ids that each page named, None for an entry without one.

    ``shown`` counts the entries of the pages that brought something; ``total`` is the largest that was stated.
    ``overlaps`` says that a page named something that an earlier one had, beside something new, and ``is_grown`` that
    everything is in it that the reading before had.
    """

    limit: int
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    pages: list[list[str | None]] = field(default_factory=list)
    shown: int = 0
    total: int | None = None
    totals: set[int | None] = field(default_factory=set)
    overlaps: bool = False
    is_grown: bool = False
    size: int = 0

    @property
    def lacks_some(self) -> bool:
        return self.total is not None and self.total > self.shown

    @property
    def is_of_one_page(self) -> bool:
        """Say that one answer showed all: it was the only one, or whatever page was asked for was the same."""
        return all(page == self.pages[0] for page in self.pages[1:])

    def ends_where(self, status: int) -> bool:
        """Say whether a refusal of the next page means that there is none.

        A page that does not exist is not found; any other refusal counts only where all was read already.
        """
        return status == 404 or (status in (400, 416, 422) and self.total is not None and not self.lacks_some)

    @property
    def is_consistent(self) -> bool:
        """Say that nothing in one reading speaks for a list that changed meanwhile. That is no proof: one may go as
        another one comes.
        """
        return not self.lacks_some and not self.overlaps and len(self.totals) < 2

    def hear(self, answer: Mapping[str, Any]) -> None:
        stated = _count(answer, "total")
        self.totals.add(stated)
        if stated is not None:
            self.total = stated if self.total is None else max(self.total, stated)

    def add(self, listed: list[Any]) -> bool:
        """Take in the entries of the next page; False where it brings nothing new."""
        ids = [_id_of(item) for item in listed]
        is_repeated = ids in self.pages
        self.pages.append(ids)
        fresh = {key: item for key, item in zip(ids, listed, strict=True) if key is not None and key not in self.items}
        self.overlaps = self.overlaps or (not is_repeated and len(fresh) + ids.count(None) < len(ids))
        if is_repeated or not (fresh or None in ids):
            return False
        self.items |= fresh
        self.shown += len(listed)
        return True

    def confirms(self, earlier: _Reading | None) -> bool:
        """Say whether this reading shows that nothing had moved away unseen while the earlier one was made.

        An item that is deleted while a list is read moves those behind it forward, and one of them onto a page that was
        read already, where it is missed. What was deleted so was read, and is gone in the next reading; or it had come
        meanwhile, and moved something onto a page where it was read again. A total cannot tell: another item may have
        come for the one that went.

        Where items only come, each reading may have such an overlap; then two confirmations count as one.
        """
        if earlier is None or earlier.lacks_some:
            return False
        if earlier.pages == self.pages:
            return True
        return self.is_grown and (earlier.is_grown or not earlier.overlaps)


class PagedLists:
    """Reads the lists of one service; safe to use from several threads."""

    def __init__(self, read_page: ReadPage, sleep: Callable[[float], None]) -> None:
        self._read_page = read_page
        self._sleep = sleep
        # Becomes the documented default once the service has refused more.
        self._limit = PAGE_LIMIT
        self._unconfirmed: set[str] = set()

    def is_confirmed(self, path: str) -> bool:
        """Say whether the list of a path, as it was read last, has everything that was there throughout."""
        return path not in self._unconfirmed

    def whole(self, path: str, key: str, *, sure: bool = True) -> list[dict[str, Any]]:
        """Return all items of a list, each id once; raise WebinarError where they cannot all be read.

        Everything that was there from the first call to the last is in it. A list of one page takes one call where the
        service states a right total; one of several pages is read until one reading confirms another. Where that is not
        needed (``sure`` is False), one consistent reading will do, and ``is_confirmed`` tells.
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
                # Some count pages by the limit that they were asked for, and fill them by one of their own.
                limit = min(limit, len(reading.pages[0]) or limit)
            earlier = reading
        if reading.lacks_some:
            raise _incomplete(path, reading.shown, reading.total)
        raise WebinarError(
            f"GET {path}: the list keeps changing; it was read {len(PAUSES)} times, and was another one each time. "
            f"{_NOTHING_DONE} Run the task again when nobody else creates or deletes here."
        )

    def _reading(self, path: str, key: str, limit: int, earlier: _Reading | None) -> _Reading:
        """Read a list once.

        Neither ``total`` nor a short page is believed alone: reading ends when both say so, or when a page brings
        nothing new (contract, "always page"). A server that answers the same page again, whatever ``page`` says, is
        asked for everything at once.
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
                # Nothing before the last page has moved, so that one need not be read again.
                reading.items = earlier.items | reading.items
                reading.pages, reading.shown, reading.total = earlier.pages, earlier.shown, earlier.total
                return reading
        raise WebinarError(f"GET {path} did not end after {MOST_PAGES} pages.")

    def _all_at_once(self, path: str, key: str, repeated: _Reading) -> _Reading:
        """Ask for everything in one page, because whatever page is asked for, the same one is answered.

        Where ``total`` does not say that there is more, a full page says that there may be; a service that gives no
        more, asked for more, has no more.
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
            raise WebinarError(f"GET {path} answered with more than {LARGEST_LIST // 2**20} MiB, page after page.")
        answer = data if isinstance(data, dict) else {}
        # A list that is null is empty, and so is one that is left out where the rest of a page is there. An answer with
        # none of it is no list: taken for an empty one, it would let everything be created a second time.
        if page == 1 and not answer.keys() & {key, "total", "page", "limit"}:
            raise WebinarError(f"GET {path} answered without '{key}', so what there is is not known. Is api_url right?")
        listed = answer.get(key) or []
        if not isinstance(listed, list):
            raise WebinarError(f"GET {path} answered '{key}' that is not a list. Is api_url right?")
        reading.hear(answer)
        return answer, listed


def _is_last_page(answer: Mapping[str, Any], listed: list[Any], reading: _Reading) -> bool:
    limit = _count(answer, "limit")
    # Whether entries that cannot be used are counted is the service's own affair.
    is_all = _count(answer, "total") in (reading.shown, len(reading.items))
    return is_all and limit is not None and len(listed) < min(limit, reading.limit)


def _incomplete(path: str, shown: int, total: int | None) -> WebinarError:
    return WebinarError(f"GET {path}: {shown} of {total} items can be read. {_NOTHING_DONE} Run the task again.")


def _repeated(path: str, shown: int, total: int | None) -> WebinarError:
    return WebinarError(
        f"GET {path} answers the same page again and again: {shown} of {total or 'more'} items can be read. "
        f"{_NOTHING_DONE} Remove what is not needed."
    )


def _id_of(item: Any) -> str | None:
    name = item.get("id") if isinstance(item, dict) else None
    return name if isinstance(name, str) else None


def _count(answer: Mapping[str, Any], name: str) -> int | None:
    value = answer.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
