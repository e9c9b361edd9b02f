# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._core.errors import ServiceError, WebinarError
from ansible_collections.tenbyte.webinar.plugins.plugin_utils._service.paging import PAUSES, PagedLists
from hypothesis import assume, given
from hypothesis import strategies as st

from .changing_list import ChangingList, PagingStyle


def read(listing: ChangingList, lists: PagedLists | None = None) -> list[str]:
    lists = lists or PagedLists(listing.read_page, listing.pauses.append)
    return [item["id"] for item in lists.items("/list", "items")]


@pytest.mark.parametrize("size", [0, 1, 99])
def test_a_list_of_one_page_takes_one_call(size: int) -> None:
    listing = ChangingList(size)
    assert len(read(listing)) == size
    assert listing.calls == [(1, 100)]


@pytest.mark.parametrize("past_end", [0, 404, 400, 422, 416])
@pytest.mark.parametrize("size", [100, 200, 101, 250])
def test_a_list_is_complete_whatever_the_response_to_a_page_after_the_last(size: int, past_end: int) -> None:
    listing = ChangingList(size, PagingStyle(past_end=past_end))
    assert read(listing) == listing.items
    pages = size // 100 + 1
    assert len(listing.calls) == 2 * pages - 1
    assert listing.pauses == []


@pytest.mark.parametrize("size", [0, 7, 100, 250])
def test_without_a_total_a_page_that_is_not_found_ends_the_list(size: int) -> None:
    listing = ChangingList(size, PagingStyle(past_end=404, total="absent"))
    assert read(listing) == listing.items


@pytest.mark.parametrize("status", [400, 422])
def test_another_error_status_of_a_page_ends_the_list_only_if_the_total_is_reached(status: int) -> None:
    with pytest.raises(ServiceError):
        read(ChangingList(100, PagingStyle(past_end=status, total="absent")))
    with pytest.raises(ServiceError):
        read(ChangingList(100, PagingStyle(past_end=status, total="too large")))


def test_a_page_that_is_not_found_before_the_total_is_reached_is_an_error() -> None:
    with pytest.raises(WebinarError, match="100 of 103 items"):
        read(ChangingList(100, PagingStyle(past_end=404, total="too large")))


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("size", [0, 1, 10, 11, 95])
def test_after_a_refused_limit_all_requests_use_the_documented_default(size: int, status: int) -> None:
    listing = ChangingList(size, PagingStyle(cap=50, refuses=status))
    lists = PagedLists(listing.read_page, listing.pauses.append)
    assert read(listing, lists) == listing.items
    assert read(listing, lists) == listing.items
    assert listing.calls[:2] == [(1, 100), (1, 10)]
    assert {limit for _page, limit in listing.calls[1:]} == {10}


@pytest.mark.parametrize("status", [400, 422])
def test_a_list_that_is_refused_with_every_limit_is_an_error_and_the_next_call_uses_the_first_limit(
    status: int,
) -> None:
    listing = ChangingList(7, PagingStyle(cap=5, refuses=status))
    lists = PagedLists(listing.read_page, listing.pauses.append)
    with pytest.raises(ServiceError):
        read(listing, lists)
    listing.style = PagingStyle()
    assert read(listing, lists) == listing.items
    assert listing.calls == [(1, 100), (1, 10), (1, 100)]


@pytest.mark.parametrize("status", [401, 403, 404, 409, 500])
def test_another_error_status_of_the_first_page_is_raised_at_once(status: int) -> None:
    listing = ChangingList(7, PagingStyle(cap=5, refuses=status))
    with pytest.raises(ServiceError):
        read(listing)
    assert listing.calls == [(1, 100)]


@pytest.mark.parametrize("states_cap", [True, False])
@pytest.mark.parametrize("total", ["right", "absent", "zero"])
def test_no_item_is_missed_if_the_service_silently_reduces_the_limit(total: str, states_cap: bool) -> None:
    listing = ChangingList(45, PagingStyle(cap=20, total=total, states_cap=states_cap))
    assert read(listing) == listing.items


def test_no_item_is_missed_if_offsets_use_the_requested_limit_and_pages_are_shorter() -> None:
    items = [{"id": f"id-{number}"} for number in range(130)]

    def read_page(_path: str, query: Any) -> tuple[Any, int]:
        start = (query["page"] - 1) * query["limit"]
        return {"items": items[start : start + min(query["limit"], 25)], "total": 130}, 1

    assert PagedLists(read_page, lambda _seconds: None).items("/list", "items") == items


@pytest.mark.parametrize("new_at", ["front", "end"])
@pytest.mark.parametrize("total", ["right", "absent"])
@pytest.mark.parametrize("change", [(1, 0), (0, 1), (1, 1), (2, 3)])
def test_a_list_that_changed_between_two_pages_is_read_again(change: tuple[int, int], total: str, new_at: str) -> None:
    for seed in range(20):
        listing = ChangingList(250, PagingStyle(total=total, new_at=new_at), [(0, 0), change], seed)
        found = read(listing)
        always, ever = listing.throughout()
        assert always <= set(found) <= ever


def test_an_item_that_moved_to_a_page_that_was_read_already_is_found() -> None:
    listing = ChangingList(101)

    def read_page(path: str, query: Any) -> tuple[Any, int]:
        if query["page"] == 2 and "id-3" in listing.items:
            # One item is deleted and another one created, so that the total stays the same.
            listing.items.remove("id-3")
            listing.items.append("id-new")
        return listing.read_page(path, query)

    found = [item["id"] for item in PagedLists(read_page, listing.pauses.append).items("/list", "items")]
    assert found == listing.items
    assert "id-100" in found
    assert "id-3" not in found


def test_a_list_that_differs_in_each_pass_is_an_error_after_a_few_passes() -> None:
    listing = ChangingList(250, PagingStyle(new_at="front"), [(1, 1)] * 1000)
    with pytest.raises(WebinarError, match=r"the list keeps changing.*Nothing is done"):
        read(listing)
    assert len(listing.calls) <= len(PAUSES) * 4
    assert 0 < sum(listing.pauses) < 10


@pytest.mark.parametrize("total", ["right", "absent"])
@pytest.mark.parametrize("new_at", ["front", "end", "anywhere"])
def test_a_list_that_grows_between_all_requests_is_read_completely(new_at: str, total: str) -> None:
    listing = ChangingList(250, PagingStyle(new_at=new_at, total=total), [(0, 1)] * 1000)
    assert {f"id-{number}" for number in range(250)} <= set(read(listing))
    assert sum(listing.pauses) <= 1


def test_an_empty_page_before_the_total_is_reached_is_an_error() -> None:
    def read_page(_path: str, query: Any) -> tuple[Any, int]:
        calls.append(query["page"])
        return {"items": [{"id": "1"}] if query["page"] == 1 else [], "total": 5, "limit": 100}, 1

    calls: list[int] = []
    with pytest.raises(WebinarError, match=r"GET /list: 1 of 5 items can be read\. Nothing is done"):
        PagedLists(read_page, lambda _seconds: None).items("/list", "items")
    assert len(calls) < 10


@pytest.mark.parametrize("answer", [{"items": [], "total": 3}, {"items": None, "total": 3}, {"total": 3}])
def test_an_empty_first_page_with_a_larger_total_is_an_error(answer: dict[str, Any]) -> None:
    with pytest.raises(WebinarError, match="0 of 3 items"):
        PagedLists(lambda _path, _query: (answer, 1), lambda _seconds: None).items("/list", "items")


def test_a_page_that_was_empty_once_is_read_again() -> None:
    listing = ChangingList(150)

    def read_page(path: str, query: Any) -> tuple[Any, int]:
        data, size = listing.read_page(path, query)
        if len(listing.calls) == 2:
            data["items"] = []
        return data, size

    assert len(PagedLists(read_page, listing.pauses.append).items("/list", "items")) == 150


@pytest.mark.parametrize("total", ["right", "absent", "zero"])
def test_all_items_are_requested_at_once_from_a_server_that_ignores_the_page(total: str) -> None:
    listing = ChangingList(250, PagingStyle(ignores_page=True, total=total))
    assert read(listing) == listing.items
    assert len(listing.calls) == 3


def test_a_server_that_ignores_the_page_and_refuses_a_larger_limit_is_an_error() -> None:
    with pytest.raises(WebinarError, match="same page for every page number: 100 of 250 items"):
        read(ChangingList(250, PagingStyle(ignores_page=True, cap=100, refuses=422)))
    with pytest.raises(WebinarError, match="same page for every page number: 100 of more items"):
        read(ChangingList(250, PagingStyle(ignores_page=True, cap=100, refuses=422, total="absent")))


@given(
    st.builds(
        ChangingList,
        st.integers(0, 60) | st.integers(90, 320),
        st.builds(
            PagingStyle,
            st.sampled_from([10, 13, 50, 100, 1000]),
            st.sampled_from([0, 0, 400, 422]),
            st.booleans(),
            st.sampled_from([0, 404, 400, 422]),
            st.sampled_from(["right", "right", "absent", "zero", "too large"]),
            st.sampled_from([False, False, False, True]),
            st.sampled_from(["end", "front", "anywhere"]),
        ),
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)) | st.just((0, 0)), max_size=24),
        st.integers(0, 1000),
    )
)
def test_a_list_is_read_completely_or_not_at_all(listing: ChangingList) -> None:
    # Excluded: always the same page, without a larger total. No client could know that there are more items.
    assume(not listing.style.ignores_page or listing.style.total == "right" or listing.style.cap > 100)
    with contextlib.suppress(WebinarError):
        found = read(listing)
        always, ever = listing.throughout()
        assert len(found) == len(set(found))
        assert always <= set(found) <= ever
