"""Which engine an export is forwarded with: the faster of those that give torch's numbers."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zoo.inference.agreement import LEAST_COSINE, worst
from zoo.inference.engines import Engine, FloatArray, PixelArray
from zoo.inference.faulting import first_line
from zoo.inference.runtimes import (
    GRAPH_BATCH,
    ONNXRUNTIME,
    OPENVINO,
    open_graph,
    version_of,
)

Clock = Callable[[], float]
WORTH = 1.05
"""How much faster the other engine must be to be taken; two measurements differ by less."""
_ROUNDS = 7
_ROUND_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An engine, and what speaks for it."""

    engine: str = ONNXRUNTIME
    rates: Mapping[str, float] = field(default_factory=dict)  # images per CPU-second; see `Export`
    refused: str = ""  # why OpenVINO cannot be had, though it is installed


class UnfitError(Exception):
    """An engine does not give what it has to."""


def choose(
    graph: Path, samples: PixelArray, *, expected: FloatArray, clock: Clock = time.process_time
) -> Choice:
    """Compare OpenVINO with ONNX Runtime, which forwards the graph already.

    The samples are two pictures at least, `expected` is what torch makes of them, the clock that
    of this process's work: others on the machine change little about it.
    """
    if not version_of(OPENVINO):
        return Choice()
    try:
        check_fit(graph, samples, expected=expected)
        engines = {
            runtime: open_graph(runtime, graph, batch=GRAPH_BATCH)
            for runtime in (ONNXRUNTIME, OPENVINO)
        }
    except Exception as error:  # noqa: BLE001  # a library's, of whatever class
        return Choice(refused=f"{type(error).__name__}: {first_line(error)}")
    rates = measure(engines, samples[:GRAPH_BATCH], clock=clock)
    return Choice(engine=fastest(rates), rates=rates)


def check_fit(graph: Path, samples: PixelArray, *, expected: FloatArray) -> None:
    """Raise `UnfitError` unless OpenVINO gives torch's numbers, and always the same bits.

    The vector of a picture may not depend on the pictures beside it, nor on the process: what is
    forwarded again after a crash is forwarded in other company.
    """
    vectors = _embed(graph, samples, batch=1)
    cosine = worst(vectors, expected)
    if cosine < LEAST_COSINE:
        raise UnfitError(f"it agrees with torch to {cosine:.6f} only")
    for first in (0, 1):  # each picture as one of a pair and as the other, and one beside none
        paired = _embed(graph, samples[first:], batch=GRAPH_BATCH)
        if not np.array_equal(paired, vectors[first:]):
            raise UnfitError("what it gives for a picture depends on the pictures beside it")


def _embed(graph: Path, pixels: PixelArray, *, batch: int) -> FloatArray:
    # In an engine of its own, as another process would; it is gone before the next is made.
    return open_graph(OPENVINO, graph, batch=batch).embed(pixels)


def measure(
    engines: Mapping[str, Engine], pictures: PixelArray, *, clock: Clock
) -> dict[str, float]:
    """Pictures per second of the clock: the medians of rounds in which each has its turn."""
    rounds: dict[str, list[float]] = {name: [] for name in engines}
    for engine in engines.values():
        engine.embed(pictures)  # the first forward also makes room
    for _ in range(_ROUNDS):
        for name, engine in engines.items():
            rounds[name].append(_rate(engine, pictures, clock))
    return {name: round(statistics.median(rates), 1) for name, rates in rounds.items()}


def _rate(engine: Engine, pictures: PixelArray, clock: Clock) -> float:
    n, spent_s, began = 0, 0.0, clock()
    while spent_s < _ROUND_S:
        engine.embed(pictures)
        n += len(pictures)
        spent_s = clock() - began
    return n / spent_s


def fastest(rates: Mapping[str, float]) -> str:
    """OpenVINO where it is worth it, else ONNX Runtime."""
    is_worth_it = rates[OPENVINO] >= WORTH * rates[ONNXRUNTIME]
    return OPENVINO if is_worth_it else ONNXRUNTIME
