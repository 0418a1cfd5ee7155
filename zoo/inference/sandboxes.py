"""A few sandboxes that the threads of one process share, each used by one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, LifoQueue

from zoo.backbone import Preprocessing
from zoo.images.sandbox import Decoded, DecodeLimits, Sandbox
from zoo.settings import Settings


class SandboxPool:
    """`size` sandboxes, each started with its first picture; thread-safe.

    Asked itself it does what a `Sandbox` does, for as many threads at once.
    """

    def __init__(self, limits: DecodeLimits, *, size: int) -> None:
        self._all = [Sandbox(limits) for _ in range(size)]
        # The last one given back first: where one is enough the others need not run.
        self._free: LifoQueue[Sandbox] = LifoQueue()
        for sandbox in self._all:
            self._free.put(sandbox)

    @property
    def lanes(self) -> int:
        """How many pictures are decoded at the same time."""
        return len(self._all)

    @contextmanager
    def borrow(self) -> Iterator[Sandbox]:
        """A sandbox for oneself; waits until one is free."""
        sandbox = self._free.get()
        try:
            yield sandbox
        finally:
            self._free.put(sandbox)

    def start(self) -> None:
        """Start those that do not run and are not borrowed, ahead of the first picture."""
        free = []
        with suppress(Empty):
            while True:
                free.append(self._free.get_nowait())
        for sandbox in free:
            sandbox.start()
            self._free.put(sandbox)

    def decode(self, content: bytes, preprocessing: Preprocessing) -> Decoded:
        """As `Sandbox.decode`."""
        with self.borrow() as sandbox:
            return sandbox.decode(content, preprocessing)

    def measure(self, content: bytes) -> tuple[int, int]:
        """As `Sandbox.measure`."""
        with self.borrow() as sandbox:
            return sandbox.measure(content)

    def cpu_s(self) -> float:
        """Processor time of all children that run now, in seconds."""
        return sum(sandbox.cpu_s() for sandbox in self._all)

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
