"""How often a caller may ask, where the operator has set a limit."""

from __future__ import annotations

import math
import time

from flask import Flask, request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from zoo.errors import UnavailableError
from zoo.keys import id_of
from zoo_api.keyring import key_ring
from zoo_api.scopes import UNLIMITED


def register(app: Flask, text: str) -> None:
    """Limit every route that is not exempt to `text`, as `600/minute`; none if it is empty."""
    if text:
        limiter = RateLimiter(parse(text))
        app.before_request(limiter.check)


class RateLimiter:
    """Counts the requests of each caller from window to window, and forgets windows that passed.

    A caller is an address together with the key that it names, if there is one of that name:
    whether it is right is looked at later, so that guessing keys is limited too and uses up
    nobody else's share.
    """

    def __init__(self, rate: RateLimitItem) -> None:
        self._rate = rate
        self._windows = FixedWindowRateLimiter(MemoryStorage())

    def check(self) -> None:
        """Count this request; `UnavailableError` with code `rate_limited` beyond the limit."""
        if request.endpoint in UNLIMITED:
            return
        caller = request.remote_addr or "", _named_key()
        if self._windows.hit(self._rate, *caller):
            return
        left = self._windows.get_window_stats(self._rate, *caller).reset_time - time.time()
        raise UnavailableError(
            f"this caller has asked more than {self._rate}; ask less often",
            code="rate_limited",
            retry_after_s=max(1, math.ceil(left)),
        )


def _named_key() -> str:
    given = request.authorization
    key_id = id_of(given.token or "") if given is not None else None
    known = key_ring().get(key_id) if key_id else None
    return known.id if known else ""
