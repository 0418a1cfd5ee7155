"""A home whose service has the model exported, and the same network's weights for rivals."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
from safetensors.torch import save_file

from benchmarks.contest import sized
from benchmarks.contest.model import find, timm_transform
from benchmarks.contest.pictures import altered
from benchmarks.contest.service import Json, alone, knowing, serving
from benchmarks.contest.task import cpu_s
from zoo.inference.loading import load_backbone
from zoo.testing.distributions import write_distribution
from zoo_lite.variants import VARIANTS

NATIVE = VARIANTS[0]
N_WARM_UP = 16
IDLE_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What all contestants start from."""

    model: str
    architecture: str  # as timm names it
    weights: Path
    transform: Mapping[str, Any]
    home: Path
    plugins: Path
    strategies: tuple[str, ...]  # that the service fine-tunes by
    idle_cpu_s: float  # of the service's processes, in a second without work


def stand(root: Path, *, size: int, pictures: Sequence[Path]) -> Standing:
    """Write the weights, and let a service build and export the model on a few pictures."""
    plugins = write_distribution(
        root / "plugins",
        "zoo-sized",
        version="1",
        plugins={sized.NAME: "benchmarks.contest.sized:plugin"},
    )
    home, model = root / "home", sized.model_of(size)
    with serving(home, settings={**knowing(plugins), **alone(model)}) as service:
        service.ask("PUT", "/v1/collections/warm-up", json={"model": model})
        files = [
            ("files", (path.name, altered(path.read_bytes(), turn=1)))
            for path in pictures[:N_WARM_UP]
        ]
        service.finished(service.ask("POST", "/v1/collections/warm-up/items", files=files))
        strategies = strategies_of(service.ask("GET", "/v1/job-types/fine_tune"))
        before = cpu_s(service.root)
        time.sleep(IDLE_S)
        idle_cpu_s = (cpu_s(service.root) - before) / IDLE_S
    native = timm_transform(find(sized.model_of(sized.NATIVE)))
    return Standing(
        model=model,
        architecture=NATIVE.timm_name,
        weights=write_weights(root / "weights.safetensors", root / "cache"),
        transform={**native, "input_size": (3, size, size)},
        home=home,
        plugins=plugins,
        strategies=strategies,
        idle_cpu_s=idle_cpu_s,
    )


def strategies_of(job_type: Json) -> tuple[str, ...]:
    """The strategies that the schema of the spec allows."""
    found = job_type["schema"]["properties"]["strategy"]
    return tuple(found["enum"]) if "enum" in found else (found["const"],)


def write_weights(path: Path, cache: Path) -> Path:
    """The parameters under timm's names: both list the same network in the same order."""
    loaded = load_backbone(find(sized.model_of(sized.NATIVE)), weights_cache=cache)
    found = loaded.image_tower.module.state_dict()
    wanted = timm.create_model(NATIVE.timm_name, num_classes=0).state_dict()
    shapes = [tensor.shape for tensor in wanted.values()]
    if [tensor.shape for tensor in found.values()] != shapes:
        raise ValueError(f"timm's {NATIVE.timm_name} is not the network of {loaded.ref.name}")
    named = zip(wanted, found.values(), strict=True)
    save_file({name: tensor.contiguous() for name, tensor in named}, path)
    return path
