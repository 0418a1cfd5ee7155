"""Brings a backbone onto a GPU: compiled if that can be, and only if it agrees with the CPU."""

from __future__ import annotations

import warnings

import numpy as np
import structlog
import torch

from zoo.backbone import TextTower
from zoo.inference.agreement import LEAST_OF, agreement, synthetic, worst
from zoo.inference.engines import PixelArray
from zoo.inference.engines.batches import BatchEngine
from zoo.inference.engines.eager import EagerEngine
from zoo.inference.engines.eager_texts import EagerTextEngine
from zoo.inference.engines.lanes import BatchShape, Forward
from zoo.inference.engines.prepared import Prepared
from zoo.inference.faulting import first_line
from zoo.inference.loading import PROBE, LoadedBackbone
from zoo.inference.placement import CPU, CUDA, Placement

INDUCTOR = "inductor"
COMPILED, EAGER = "compiled", "eager"
MODELS = 256
"""That one process may have compiled in its life."""

_log = structlog.get_logger()


def usable(placement: Placement) -> Placement:
    """The placement, or the same on the CPU if torch finds no GPU; the log says so."""
    if placement.device != CUDA or torch.cuda.is_available():
        return placement
    _log.warning("gpu_unusable", detail="torch finds no GPU that it can use; the CPU forwards")
    return Placement()


def open_on_device(
    loaded: LoadedBackbone,
    placement: Placement,
    *,
    samples: PixelArray | None = None,
    backend: str = INDUCTOR,
) -> BatchEngine | None:
    """The fastest engine on the device that gives what the CPU gives; None if there is none.

    It is compared on two synthetic pictures and the `samples`, prepared. With None the network
    is on the CPU as before.
    """
    pixels = synthetic(loaded.image_tower.preprocessing.input_size)
    if samples is not None:
        pixels = np.concatenate([samples, pixels])
    expected = EagerEngine(loaded).embed(pixels)
    least = LEAST_OF[loaded.detail.space.precision]
    _compute_exactly()
    for way in (COMPILED, EAGER) if placement.is_compiled else (EAGER,):
        name = f"{placement.device} {way}"
        try:
            with warnings.catch_warnings(action="ignore"):  # of the compiler's own
                engine = _open(loaded, placement, name=name, backend=backend)
                cosine = agreement(engine, pixels, expected=expected)
        except Exception as error:  # noqa: BLE001  # a stranger's network meets a compiler
            _refuse(loaded, name, f"{type(error).__name__}: {first_line(error)}")
            continue
        if cosine >= least:
            engine.busy_s = 0.0
            _log.info("on_device", model=loaded.ref.name, engine=name, cosine=cosine)
            return engine
        _refuse(loaded, name, f"it agrees with the CPU to {cosine:.6f} only")
    loaded.image_tower.module.to(CPU)
    return None


def open_texts_on_device(
    loaded: LoadedBackbone, tower: TextTower, placement: Placement
) -> EagerTextEngine:
    """The engine for texts, on the device if it gives there what it gives on the CPU."""
    engine = EagerTextEngine(tower)
    if not placement.is_gpu:
        return engine
    expected = engine.embed([PROBE]).vectors
    _compute_exactly()
    try:
        moved = EagerTextEngine(tower, device=placement.device)
        cosine = worst(moved.embed([PROBE]).vectors, expected)
    except Exception as error:  # noqa: BLE001  # a stranger's network meets a device
        _refuse(loaded, "texts", f"{type(error).__name__}: {first_line(error)}")
    else:
        if cosine >= LEAST_OF[loaded.detail.space.precision]:
            return moved
        _refuse(loaded, "texts", f"it agrees with the CPU to {cosine:.6f} only")
    return EagerTextEngine(tower)


def _open(loaded: LoadedBackbone, placement: Placement, *, name: str, backend: str) -> BatchEngine:
    device = torch.device(placement.device)
    prepared = Prepared(loaded.image_tower, dtype=loaded.dtype).eval()
    prepared.to(device).to(memory_format=torch.channels_last)
    is_compiled = name.endswith(COMPILED)
    forward: Forward = prepared
    if is_compiled:
        # All models are one function to the compiler, which gives one up after eight variants.
        torch._dynamo.config.recompile_limit = MODELS
        forward = torch.compile(prepared, dynamic=False, backend=backend)
    shape = BatchShape(
        batch=placement.batch,
        input_size=loaded.image_tower.preprocessing.input_size,
        dim=loaded.detail.dim,
    )
    return BatchEngine(forward, shape, name=name, device=device, is_padded=is_compiled)


def _compute_exactly() -> None:
    """No TF32: its ten bits of mantissa change the nearest neighbour of one picture in fifty."""
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False


def _refuse(loaded: LoadedBackbone, engine: str, reason: str) -> None:
    _log.warning("engine_refused", model=loaded.ref.name, engine=engine, reason=reason)
