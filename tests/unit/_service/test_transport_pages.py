# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import WebinarError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.transport import Transport

from ..scripted_server import QuietHandler, Script, send, serving, success

Connect = Callable[..., Transport]
SIZES = [0, 1, 9, 10, 11, 99, 100, 101, 200, 250]


@dataclass
class Listing:
    """A server of one list: its way of paging, the total it reports, and the number of calls."""

    size: int
    style: str
    total: str
    calls: int = 0
    url: str = ""

    def data(self, page: int, limit: int) -> dict[str, Any]:
        items = [{"id": f"id-{number}"} for number in range(self.size)]
        if self.style == "capped":
            limit = min(limit, 10)
        shown = items[(page - 1) * limit : page * limit]
        if self.style == "unpaged":
            shown = items
        if self.style == "first page only":
            shown = items[:limit]
        if self.style == "last page again" and not shown and items:
            shown = items[-((self.size % limit) or limit) :]
        if self.style == "overlapping":
            shown = items[(page - 1) * (limit - 3) :][:limit]
        totals = {"right": self.size, "zero": 0, "of the page": len(shown), "too large": self.size + 1000, "text": "x"}
        stated = {} if self.total == "absent" else {"total": totals[self.total]}
        return {"items": shown, "page": page, "limit": limit, **stated}


@pytest.fixture
def serve() -> Iterator[Callable[[Listing], Listing]]:
    running = []

    def start(listing: Listing) -> Listing:
        class Handler(QuietHandler):
            def answer(self) -> None:
                query = parse_qs(urlsplit(self.read_request().path).query)
                listing.calls += 1
                send(self, success(listing.data(int(query["page"][0]), int(query["limit"][0]))))

        context = serving(Handler)
        server = context.__enter__()
        running.append(context)
        listing.url = f"http://127.0.0.1:{server.server_address[1]}"
        return listing

    yield start
    for context in running:
        context.__exit__(None, None, None)


@pytest.mark.parametrize("total", ["right", "absent", "zero", "of the page", "text"])
@pytest.mark.parametrize("style", ["paged", "capped", "unpaged", "last page again", "overlapping"])
def test_no_item_is_missed_or_doubled_however_the_server_pages(
    serve: Callable[[Listing], Listing], connect: Connect, style: str, total: str
) -> None:
    listing = serve(Listing(0, style, total))
    transport = connect(listing.url)
    for size in SIZES:
        listing.size, listing.calls = size, 0
        found = [item["id"] for item in transport.pages("/list", "items")]
        assert found == [f"id-{number}" for number in range(size)]
        # One pass to find everything, one to confirm it, and one call after the last page.
        assert listing.calls <= 2 * (size // 10) + 3


def test_a_list_that_ends_before_its_total_is_an_error(serve: Callable[[Listing], Listing], connect: Connect) -> None:
    listing = serve(Listing(250, "paged", "too large"))
    with pytest.raises(WebinarError, match=r"250 of 1250 items can be read.*Nothing is done"):
        connect(listing.url).pages("/list", "items")


@pytest.mark.parametrize("style", ["unpaged", "last page again"])
def test_a_list_that_repeats_a_page_before_its_total_is_an_error(
    serve: Callable[[Listing], Listing], connect: Connect, style: str
) -> None:
    listing = serve(Listing(100, style, "too large"))
    with pytest.raises(WebinarError, match="100 of 1100"):
        connect(listing.url).pages("/list", "items")


def test_all_items_are_requested_at_once_from_a_server_that_ignores_the_page(
    serve: Callable[[Listing], Listing], connect: Connect
) -> None:
    listing = serve(Listing(250, "first page only", "right"))
    assert len(connect(listing.url).pages("/list", "items")) == 250


def test_a_short_page_with_the_right_total_needs_no_second_call(
    serve: Callable[[Listing], Listing], connect: Connect
) -> None:
    listing = serve(Listing(7, "paged", "right"))
    assert len(connect(listing.url).pages("/list", "items")) == 7
    assert listing.calls == 1


@pytest.mark.parametrize("data", [{"items": None}, {"items": []}, {"total": 0}, {"page": 1, "limit": 100}])
def test_a_null_list_or_a_page_without_its_list_is_empty(script: Script, connect: Connect, data: object) -> None:
    script.expect(success(data))
    assert connect(script.url).pages("/list", "items") == []


@pytest.mark.parametrize("data", [None, {}, [], {"rooms": []}, "text"])
def test_a_response_that_is_no_page_is_an_error(script: Script, connect: Connect, data: object) -> None:
    script.expect(success(data))
    with pytest.raises(WebinarError, match="has no 'items'"):
        connect(script.url).pages("/list", "items")


def test_a_list_whose_pages_are_too_large_in_total_is_an_error(
    script: Script, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.paging.LARGEST_LIST", 2**20)
    script.expect(*(success({"items": [{"id": json.dumps(number), "fill": "x" * 2**19}]}) for number in range(2)))
    with pytest.raises(WebinarError, match="larger than 1 MiB"):
        connect(script.url).pages("/list", "items")


@pytest.mark.parametrize("items", ["text", 7, {"id": "1"}])
def test_a_member_that_is_no_list_is_an_error(script: Script, connect: Connect, items: object) -> None:
    script.expect(success({"items": items}))
    with pytest.raises(WebinarError, match="not a list"):
        connect(script.url).pages("/list", "items")


def test_unusable_items_are_left_out(script: Script, connect: Connect) -> None:
    entries = [None, 3, "x", {}, {"id": 7}, {"id": "1", "title": "a"}]
    script.expect(success({"items": entries, "total": 6, "limit": 100}))
    assert connect(script.url).pages("/list", "items") == [{"id": "1", "title": "a"}]


def test_a_list_with_too_many_pages_is_an_error(
    script: Script, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.paging.MOST_PAGES", 3)
    script.expect(*(success({"items": [{"id": json.dumps(number)}]}) for number in range(3)))
    with pytest.raises(WebinarError, match="did not end"):
        connect(script.url).pages("/list", "items")


@pytest.mark.slow
@pytest.mark.parametrize("style", ["paged", "capped"])
def test_ten_thousand_items_are_read_also_with_ten_per_page(
    serve: Callable[[Listing], Listing], connect: Connect, style: str
) -> None:
    listing = serve(Listing(10_000, style, "right"))
    assert len(connect(listing.url).pages("/list", "items")) == 10_000
