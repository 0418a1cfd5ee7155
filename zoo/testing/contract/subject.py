"""A tower of a model under examination: built twice, with a few pictures or texts for it."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import Tensor, nn

from zoo.backbone import AnyTower, Card, Preprocessing, TextTower, Tower
from zoo.inference.loading import LoadedBackbone, load_backbone
from zoo.inference.measuring import Given, forward
from zoo.predictor import BackboneRef
from zoo.testing.pictures import scene

SAMPLES = 4
"""How many different pictures or texts a tower is tried with."""
TEXTS = (
    "a cat",
    "two dogs run over a wet field towards the gate",
    "Überraschung: 第三句话 is in three languages!",
    "one two three four five six seven eight nine ten " * 3,
)
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes
_MB = 1e6


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a model took."""

    load_s: float
    forward_s: float  # a picture or text
    memory_mb: float


@dataclass(frozen=True)
class Subject:
    """A tower of a built model; `spare` is a second one, which examinations may change."""

    ref: BackboneRef
    card: Card
    loaded: LoadedBackbone
    spare: LoadedBackbone
    tower_name: str
    cost: Cost

    @property
    def name(self) -> str:
        """The model's name, with the tower's where it has two."""
        is_only = len(self.loaded.backbone.towers) == 1
        return self.ref.name if is_only else f"{self.ref.name} ({self.tower_name})"

    @property
    def tower(self) -> AnyTower:
        """The tower."""
        return self.loaded.backbone.towers[self.tower_name]

    @property
    def spare_tower(self) -> AnyTower:
        """The second one."""
        return self.spare.backbone.towers[self.tower_name]

    @property
    def kind(self) -> str:
        """What goes through the tower: a picture or a text."""
        return "text" if isinstance(self.tower, TextTower) else "picture"

    @property
    def dim(self) -> int:
        """Numbers a picture or text."""
        return self.loaded.backbone.dim

    @cached_property
    def pictures(self) -> Tensor:
        """Different scenes, prepared: float32 `(SAMPLES, 3, height, width)`."""
        return prepared(self.loaded.image_tower.preprocessing)

    def samples(self, places: Sequence[int] = range(SAMPLES)) -> Given:
        """Some of the pictures or texts, as the network takes them."""
        if isinstance(self.tower, TextTower):
            return self.tower.tokenize([TEXTS[place] for place in places])
        return self.pictures[list(places)]

    def forward(self, given: Given) -> Tensor:
        """What the network gives for prepared pictures or texts."""
        return forwarded(self.tower, given)


def forwarded(tower: AnyTower, given: Given) -> Tensor:
    """What a tower gives, without gradients; an error if that is no tensor."""
    with torch.inference_mode():
        output = forward(tower.module, given)
    if not isinstance(output, Tensor):
        raise TypeError(f"the network gives a {type(output).__name__}, not a tensor")
    return output


def build(ref: BackboneRef, card: Card, *, weights_cache: Path) -> tuple[Subject, ...]:
    """Build a model twice, measure it, and take its towers; raises what building raises."""
    with _measured_memory() as memory:
        start = time.perf_counter()
        loaded = load_backbone(ref, weights_cache=weights_cache)
        load_s = time.perf_counter() - start
        times = {name: _time_forward(tower) for name, tower in loaded.backbone.towers.items()}
    spare = load_backbone(ref, weights_cache=weights_cache)
    return tuple(
        Subject(
            ref,
            card,
            loaded,
            spare,
            name,
            Cost(load_s=load_s, forward_s=forward_s, memory_mb=memory[0]),
        )
        for name, forward_s in times.items()
    )


def prepared(preprocessing: Preprocessing) -> Tensor:
    """Scenes of the network's own input size, normalised as it wants them."""
    height, width = preprocessing.input_size
    scenes = np.stack([scene(seed, width=width, height=height) for seed in range(SAMPLES)])
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


def _time_forward(tower: AnyTower) -> float:
    given: Given = (
        prepared(tower.preprocessing) if isinstance(tower, Tower) else tower.tokenize(TEXTS)
    )
    start = time.perf_counter()
    forwarded(tower, given)
    return (time.perf_counter() - start) / SAMPLES


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
