"""A model under examination: built twice, with a few pictures for it."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import Tensor, nn

from zoo.backbone import Card, Preprocessing, Tower
from zoo.inference.loading import LoadedBackbone, load_backbone
from zoo.predictor import BackboneRef
from zoo.testing.pictures import scene

PICTURES = 4
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes
_MB = 1e6


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a model took."""

    load_s: float
    forward_s: float  # a picture
    memory_mb: float


@dataclass(frozen=True)
class Subject:
    """A built model; `spare` is a second one of the same, which examinations may change."""

    ref: BackboneRef
    card: Card
    loaded: LoadedBackbone
    spare: LoadedBackbone
    cost: Cost

    @property
    def name(self) -> str:
        """The model's name."""
        return self.ref.name

    @property
    def tower(self) -> Tower:
        """The tower that pictures go through."""
        return self.loaded.image_tower

    @property
    def dim(self) -> int:
        """Numbers a picture."""
        return self.loaded.backbone.dim

    @cached_property
    def pictures(self) -> Tensor:
        """Different scenes, prepared: float32 `(PICTURES, 3, height, width)`."""
        return prepared(self.tower.preprocessing)

    def forward(self, images: Tensor) -> Tensor:
        """What the network gives for prepared pictures."""
        with torch.inference_mode():
            output: Tensor = self.tower.module(images)
        return output


def build(ref: BackboneRef, card: Card, *, weights_cache: Path) -> Subject:
    """Build a model twice and measure it; raises what building raises."""
    with _measured_memory() as memory:
        start = time.perf_counter()
        loaded = load_backbone(ref, weights_cache=weights_cache)
        load_s = time.perf_counter() - start
        forward_s = _time_forward(loaded.image_tower)
    spare = load_backbone(ref, weights_cache=weights_cache)
    cost = Cost(load_s=load_s, forward_s=forward_s, memory_mb=memory[0])
    return Subject(ref, card, loaded, spare, cost)


def prepared(preprocessing: Preprocessing) -> Tensor:
    """Scenes of the network's own input size, normalised as it wants them."""
    height, width = preprocessing.input_size
    scenes = np.stack([scene(seed, width=width, height=height) for seed in range(PICTURES)])
    return _normalised(torch.from_numpy(scenes).permute(0, 3, 1, 2).float() / 255, preprocessing)


def plain(preprocessing: Preprocessing, *, brightness: float) -> Tensor:
    """One picture from black (0) to white (1), normalised."""
    return _normalised(torch.full((1, 3, *preprocessing.input_size), brightness), preprocessing)


def _normalised(pixels: Tensor, preprocessing: Preprocessing) -> Tensor:
    mean, std = (
        torch.tensor(values).reshape(1, 3, 1, 1)
        for values in (preprocessing.mean, preprocessing.std)
    )
    return (pixels - mean) / std


def state_of(module: nn.Module) -> dict[str, Tensor]:
    """A copy of all parameters and buffers."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def _time_forward(tower: Tower) -> float:
    images = prepared(tower.preprocessing)
    start = time.perf_counter()
    with torch.inference_mode():
        tower.module(images)
    return (time.perf_counter() - start) / PICTURES


@contextmanager
def _measured_memory() -> Iterator[list[float]]:
    """Puts into the list how many MB the process grew by; at its peak, if that is a new one."""
    process = psutil.Process()
    before, peak_before = process.memory_info().rss, _peak()
    memory: list[float] = []
    yield memory
    peak = _peak()
    after = peak if peak > peak_before else process.memory_info().rss
    memory.append(max(0.0, (after - before) / _MB))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT
