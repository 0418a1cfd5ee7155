"""How long a shard waits for what it needs and what does not answer, and in which steps."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Pauses that double from one to the next: `least` of them, more while `wait_s` allows."""

    wait_s: float
    least: int = 0

    @property
    def waits(self) -> int:
        """How many pauses there are before it ends."""
        n, waited_s = 0, 0.0
        while (waited_s := waited_s + self.pause_s(n)) <= self.wait_s:
            n += 1
        return max(n, self.least)

    def pause_s(self, waits: int) -> float:
        """How long the next pause is after so many earlier ones."""
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(waits, 30))

    def waited_s(self, waits: int) -> float:
        """How long so many pauses are in all."""
        return sum(self.pause_s(n) for n in range(waits))
