import inspect

import pytest

from zoo import errors
from zoo.errors import ImageError, InvalidError, NotFoundError, UnavailableError, ZooError

KINDS = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ZooError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_stands_in_the_tree_at_the_top_of_the_file(kind: type[ZooError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")


def test_no_two_kinds_share_a_code() -> None:
    assert len({kind.code for kind in KINDS}) == len(KINDS)


def test_an_error_is_its_sentence_and_its_code() -> None:
    assert str(InvalidError("too many")) == "too many"
    assert InvalidError("x").code == "invalid"
    assert InvalidError("x", code="too_many", field="k").code == "too_many"
    assert NotFoundError("x", nearest=["y"]).nearest == ("y",)
    assert UnavailableError("x").retry_after_s == 2


def test_a_sentence_holds_nothing_that_no_database_would_take() -> None:
    error = InvalidError("no file 'caf\udce9\0.bin'; is it \u00e9 \U0001f600?")
    assert error.detail == str(error) == "no file 'caf\ufffd\ufffd.bin'; is it \u00e9 \U0001f600?"


def test_an_unreadable_picture_is_an_input_that_can_never_work() -> None:
    assert issubclass(ImageError, InvalidError)
    assert ImageError.code in errors.IMAGE_CODES
