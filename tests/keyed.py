"""Keys for tests of who comes in."""

from collections.abc import Callable

MakeKey = Callable[..., str]


def bearer(key: str) -> dict[str, str]:
    """The header that a key is sent in."""
    return {"Authorization": f"Bearer {key}"}
