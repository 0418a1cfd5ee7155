"""One sandbox for the tests of a module that do not harm it."""

from collections.abc import Iterator

import pytest

from zoo.images.sandbox import DecodeLimits, Sandbox

LIMITS = DecodeLimits(max_bytes=25_000_000, max_pixels=64_000_000, timeout_s=30)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(LIMITS) as opened:
        yield opened
