"""Joins what threads ask of one engine at the same time into batches: a GPU's are nearly free."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from zoo.inference.engines import Engine, FloatArray, PixelArray


@dataclass(frozen=True, kw_only=True, eq=False)
class _Asked:
    """What one thread asks."""

    pixels: PixelArray
    answer: Future[FloatArray] = field(default_factory=Future)


class JoiningEngine:
    """An engine for many threads: who comes while it forwards is joined to the next batch.

    Nobody waits to be joined: a free engine forwards at once. Pictures are taken in the order in
    which they came, up to `most` a batch, so each waits for the forward that goes on and for
    those before it, whatever is asked after. What fails in a batch of several is forwarded alone.
    """

    def __init__(self, engine: Engine, *, most: int) -> None:
        self._engine = engine
        self._most = most
        self._changed = threading.Condition()  # what waits, and whether the engine is taken
        self._waiting: deque[_Asked] = deque()
        self._is_taken = False

    @property
    def name(self) -> str:
        """That of the engine."""
        return self._engine.name

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nothing is forwarded meanwhile: for who does something else with the same network."""
        with self._turn(lambda: False):
            yield

    def embed(self, pixels: PixelArray) -> FloatArray:
        """Embeddings float32 `(n, dim)` of this thread's pixels; raises what forwarding raises."""
        asked = _Asked(pixels=pixels)
        with self._changed:
            self._waiting.append(asked)
        while not asked.answer.done():
            with self._turn(asked.answer.done) as is_mine:  # whoever of those who wait comes first
                if is_mine:
                    self._forward(self._take())
        return asked.answer.result()

    @contextmanager
    def _turn(self, is_answered: Callable[[], bool]) -> Iterator[bool]:
        """The engine for this thread alone; False, and at once, for one that is answered.

        It need not come before those who are not: they may forward next, for as long as they like.
        """
        with self._changed:
            self._changed.wait_for(lambda: is_answered() or not self._is_taken)
            is_mine = not is_answered()
            self._is_taken |= is_mine
        try:
            yield is_mine
        finally:
            if is_mine:
                self._give_back()

    def _give_back(self) -> None:
        with self._changed:
            self._is_taken = False
            self._changed.notify_all()

    def _take(self) -> list[_Asked]:
        """Those who have waited longest, as many as make one batch."""
        with self._changed:
            taken = [self._waiting.popleft()]
            n = len(taken[0].pixels)
            while self._waiting and n + len(self._waiting[0].pixels) <= self._most:
                taken.append(self._waiting.popleft())
                n += len(taken[-1].pixels)
        return taken

    def _forward(self, together: list[_Asked]) -> None:
        try:
            vectors = self._engine.embed(np.concatenate([one.pixels for one in together]))
        except BaseException as error:  # noqa: BLE001  # a plugin's, be it `sys.exit`: each has its own
            if len(together) == 1:
                together[0].answer.set_exception(error)
                return
            for one in together:
                self._forward([one])
            return
        ends = np.cumsum([len(one.pixels) for one in together])[:-1]
        for one, part in zip(together, np.split(vectors, ends), strict=True):
            one.answer.set_result(part)
