import re

import pytest

from zoo.errors import InvalidError
from zoo_api.paging import decode_cursor, encode_cursor, page_json


@pytest.mark.parametrize("position", ["", "a", "ä/?&=+ #", "job_01", 0, 7, 10**15])
def test_a_cursor_comes_back_as_it_was_and_needs_no_quoting(position: str | int) -> None:
    cursor = encode_cursor(position)
    assert re.fullmatch(r"[A-Za-z0-9_-]*", cursor)
    assert decode_cursor(cursor, type(position)()) == position


def test_without_a_cursor_a_list_starts_at_its_beginning() -> None:
    assert decode_cursor(None, -1) == -1
    assert decode_cursor("", "first") == "first"


@pytest.mark.parametrize("cursor", ["!", "a", "Zm9v", "é", encode_cursor("name"), "x" * 5000])
def test_a_foreign_cursor_is_refused_and_said_at_most_in_part(cursor: str) -> None:
    with pytest.raises(InvalidError) as caught:
        decode_cursor(cursor, 0)
    assert (caught.value.code, caught.value.field) == ("invalid_cursor", "cursor")
    assert caught.value.detail == (
        f"cursor {cursor[:100]!r} is not one of this list's; use the next_cursor of its last page"
    )


def test_a_number_that_no_database_holds_is_no_cursor() -> None:
    with pytest.raises(InvalidError):
        decode_cursor(encode_cursor(10**30), 0)


def test_a_page_has_its_rows_and_the_way_on() -> None:
    assert page_json([{"a": 1}], next_cursor="x") == {"data": [{"a": 1}], "next_cursor": "x"}
