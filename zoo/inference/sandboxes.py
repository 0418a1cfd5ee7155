"""A few sandboxes that the threads of one process share, each used by one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue

from zoo.images.sandbox import DecodeLimits, Sandbox
from zoo.settings import Settings


class SandboxPool:
    """`size` started sandboxes; thread-safe."""

    def __init__(self, limits: DecodeLimits, *, size: int) -> None:
        self._all = [Sandbox(limits) for _ in range(size)]
        self._free: Queue[Sandbox] = Queue()
        for sandbox in self._all:
            sandbox.start()
            self._free.put(sandbox)

    @contextmanager
    def borrow(self) -> Iterator[Sandbox]:
        """A sandbox for oneself; waits until one is free."""
        sandbox = self._free.get()
        try:
            yield sandbox
        finally:
            self._free.put(sandbox)

    def close(self) -> None:
        """End all their processes, whoever uses them."""
        for sandbox in self._all:
            sandbox.close()


def decode_limits(settings: Settings) -> DecodeLimits:
    """The limits of decoding as configured."""
    return DecodeLimits(
        max_bytes=settings.max_image_bytes,
        max_pixels=settings.max_image_pixels,
        timeout_s=settings.decode_timeout_s,
    )
