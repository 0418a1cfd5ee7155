"""How long a shard waits for what it needs and what does not answer, and in which steps."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Pauses that double from one attempt to the next, `wait_s` in all at most."""

    wait_s: float

    @property
    def attempts(self) -> int:
        """How many attempts that makes, the last one after the last pause."""
        tried, waited_s = 1, 0.0
        while (waited_s := waited_s + self.pause_s(tried - 1)) <= self.wait_s:
            tried += 1
        return tried

    def pause_s(self, attempt: int) -> float:
        """How long to wait after so many earlier attempts."""
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempt, 30))
