"""Measuring what a shard's forwarding takes, while it goes on."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import replace

from zoo.images.sandbox import PictureDecoder
from zoo.inference.engines import (
    AheadEngine,
    EmbeddedTexts,
    Engine,
    FloatArray,
    PixelArray,
    TextEngine,
)
from zoo.inference.models import LoadedModel
from zoo.jobs.effort import Effort


class Stopwatch:
    """Started when it is made; the thread that forwards asks it for what was taken."""

    def __init__(self, sandbox: PictureDecoder) -> None:
        self._sandbox = sandbox
        self._wall = time.monotonic()
        self._own = time.process_time()
        self._decoding = sandbox.cpu_s()
        self.forward_s = 0.0
        self._device: AheadEngine | None = None

    def watched(self, model: LoadedModel) -> LoadedModel:
        """The model with engines that are timed; one on a device of its own times itself."""
        engine, text_engine = model.engine, model.text_engine
        timed: Engine | None = TimedEngine(engine, self) if engine else None
        if isinstance(engine, AheadEngine):
            self._device = timed = engine
            self.forward_s -= engine.busy_s
        return replace(
            model,
            engine=timed,
            text_engine=TimedTextEngine(text_engine, self) if text_engine else None,
        )

    def read(self, *, n: int, engine: str) -> Effort:
        """What was taken until now, for `n` contents."""
        decode_s = max(0.0, self._sandbox.cpu_s() - self._decoding)  # a new child starts at none
        return Effort(
            n=n,
            engine=engine,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            wall_s=time.monotonic() - self._wall,
            cpu_s=time.process_time() - self._own + decode_s,
            decode_s=decode_s,
            forward_s=self.forward_s + (self._device.busy_s if self._device else 0.0),
            lanes=self._sandbox.lanes if self._device else 0,
        )


class TimedEngine:
    """An engine for pictures on a stopwatch."""

    def __init__(self, engine: Engine, stopwatch: Stopwatch) -> None:
        self._engine = engine
        self._stopwatch = stopwatch

    @property
    def name(self) -> str:
        """That of the engine."""
        return self._engine.name

    def embed(self, pixels: PixelArray) -> FloatArray:
        """What the engine gives; engines forward in the thread that asks."""
        began = time.thread_time()
        vectors = self._engine.embed(pixels)
        self._stopwatch.forward_s += time.thread_time() - began
        return vectors


class TimedTextEngine:
    """An engine for texts on a stopwatch."""

    def __init__(self, engine: TextEngine, stopwatch: Stopwatch) -> None:
        self._engine = engine
        self._stopwatch = stopwatch

    @property
    def name(self) -> str:
        """That of the engine."""
        return self._engine.name

    def embed(self, texts: Sequence[str]) -> EmbeddedTexts:
        """What the engine gives."""
        began = time.thread_time()
        embedded = self._engine.embed(texts)
        self._stopwatch.forward_s += time.thread_time() - began
        return embedded
