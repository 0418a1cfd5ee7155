import time

import pytest

from zoo.errors import InvalidError
from zoo.names import ITEM_ID, OWN_NAME, check_own_name, nearest, new_id, unknown


def test_ids_are_unique_and_sort_by_the_time_of_their_making() -> None:
    made = []
    for _ in range(3):
        made.append(new_id("item"))
        after = time.time_ns() // 1_000_000
        while time.time_ns() // 1_000_000 == after:
            continue
    assert made == sorted(set(made))
    assert all(ITEM_ID.fullmatch(one) for one in made)


def test_the_nearest_names_come_best_first_and_are_few() -> None:
    known = ["pets", "pest", "pots", "petals", "cars"]
    assert nearest("pets", known) == ("pets", "petals", "pots")
    assert nearest("zzz", known) == ()


def test_a_part_of_a_name_is_a_guess_too() -> None:
    assert nearest("resnet50", ["timm.resnet50.a1_in1k", "x"]) == ("timm.resnet50.a1_in1k",)


def test_a_name_too_long_to_be_one_is_not_compared() -> None:
    assert nearest("a" * 1_000_000, ["a" * 1_000_000]) == ()


def test_an_unknown_name_is_told_with_what_was_meant() -> None:
    error = unknown("job type", "fine_tun", ["fine_tune"])
    assert error.detail == "no job type 'fine_tun'; did you mean 'fine_tune'?"
    assert (error.code, error.nearest) == ("unknown_job_type", ("fine_tune",))
    assert unknown("model", "x", []).detail == "no model 'x'"


def test_an_endless_name_is_told_in_short() -> None:
    assert len(unknown("model", "x" * 1_000_000, []).detail) < 250


@pytest.mark.parametrize("name", ["", "Pets", "a.b", "a/b", "ä", "a" * 101, "a\n", "a b"])
def test_a_name_that_no_address_holds_is_refused(name: str) -> None:
    with pytest.raises(InvalidError) as caught:
        check_own_name("dataset", name)
    assert caught.value.detail == (
        f"dataset name {name!r} is not allowed; use 1 to 100 of a-z, 0-9, '_' and '-'"
    )
    assert (caught.value.code, caught.value.field) == ("invalid_name", "name")


def test_a_good_name_is_given_back() -> None:
    assert check_own_name("dataset", "cats_vs-dogs2") == "cats_vs-dogs2"
    assert OWN_NAME.fullmatch("a" * 100)
