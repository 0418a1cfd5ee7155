"""What a hostile or odd file is in these tests: how it is made, and what is to become of it."""

from collections.abc import Callable
from dataclasses import dataclass

Verdict = tuple[int, int] | str
"""Width and height of the picture that it is, or the code that it is refused with."""

DAMAGED = "truncated_image"
TOO_LARGE = "too_many_pixels"
UNREAD = "unsupported_format"
NO_PICTURE = "not_an_image"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file, made anew each time: the same bytes on every run."""

    name: str
    make: Callable[[], bytes]
    verdict: Verdict


def case(name: str, verdict: Verdict, make: Callable[[], bytes]) -> Case:
    return Case(name=name, make=make, verdict=verdict)
