"""The process that exports one backbone: `python -m zoo.inference.exporting FOLDER`.

The image tower becomes an ONNX graph with the normalisation of its pixels in front. It is kept
only if ONNX Runtime gives torch's numbers on real pictures, one by one and as a batch.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from zoo import leash
from zoo.errors import ZooError
from zoo.inference.engines import FloatArray, PixelArray
from zoo.inference.engines.eager import EagerEngine, normalisation
from zoo.inference.engines.onnx import EMBEDDINGS, PIXELS, OnnxEngine
from zoo.inference.exports import (
    GRAPH,
    HEAD,
    Export,
    ExportRequest,
    read_request,
    write_export,
    write_failure,
)
from zoo.inference.heads import head_of
from zoo.inference.loading import LoadedBackbone, load_backbone
from zoo.storage.blobs import file_sha256
from zoo.training.heads import write_head

LEAST_COSINE = 0.9999
"""What engines of one space agree to, and the share by which lengths may differ, less one."""
_OPSET = 18
_NICENESS = 10


class Prepared(nn.Module):
    """A tower that takes prepared pixels uint8 `(n, height, width, 3)` as they are."""

    def __init__(self, tower: nn.Module, *, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.tower = tower
        self.scale: Tensor
        self.shift: Tensor
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, pixels: Tensor) -> Tensor:
        """Embeddings float32 `(n, dim)`."""
        images = pixels.permute(0, 3, 1, 2).to(torch.float32)
        output: Tensor = self.tower(images * self.scale + self.shift)
        return output.to(torch.float32)


def export(request: ExportRequest) -> Export:
    """Try each exporter until one's graph holds; raises what building the backbone raises."""
    loaded = load_backbone(request.backbone, weights_cache=request.weights_cache)
    samples = np.concatenate([request.samples, _synthetic(loaded)])
    expected = _torch_embeddings(loaded, samples)
    prepared = _prepared(loaded)
    reasons = []
    for way, exporter in (("by tracing", _by_tracing), ("by capturing", _by_capturing)):
        graph = request.folder / GRAPH
        try:
            with warnings.catch_warnings(action="ignore"):  # of the exporter's own deprecations
                exporter(prepared, torch.from_numpy(samples[:2]), graph)
            cosine = agreement(OnnxEngine(graph), samples, expected=expected)
        except Exception as error:  # noqa: BLE001  # a stranger's network meets two libraries
            reasons.append(f"{way}: {type(error).__name__}: {_first_line(error)}")
            continue
        if cosine >= LEAST_COSINE:
            return _keep(request, loaded, cosine=cosine)
        reasons.append(f"{way}: it agrees with torch to {cosine:.6f} only")
    return Export(folder=request.folder, detail=loaded.detail, reason="; ".join(reasons))


def agreement(engine: OnnxEngine, samples: PixelArray, *, expected: FloatArray) -> float:
    """The worst agreement of `(n, height, width, 3)` pixels with the vectors they should give.

    Of a picture: the cosine, or, where that is worse, one less the difference of the lengths.
    """
    batch = engine.embed(samples)
    single = np.concatenate([engine.embed(one[None]) for one in samples])
    return min(_worst(batch, expected), _worst(single, expected))


def _worst(found: FloatArray, expected: FloatArray) -> float:
    if found.shape != expected.shape or not np.isfinite(found).all():
        return 0.0
    lengths = np.linalg.norm(found, axis=1), np.linalg.norm(expected, axis=1)
    least = np.finfo(np.float32).tiny
    products = (found.astype(np.float64) * expected).sum(axis=1)
    cosines = products / np.maximum(lengths[0] * lengths[1], least)
    drift = np.abs(lengths[0] - lengths[1]) / np.maximum(lengths[1], least)
    both_zero = (lengths[0] <= least) & (lengths[1] <= least)
    return max(0.0, float(np.where(both_zero, 1.0, np.minimum(cosines, 1 - drift)).min()))


def _torch_embeddings(loaded: LoadedBackbone, samples: PixelArray) -> FloatArray:
    return EagerEngine(loaded).embed(samples)


def _prepared(loaded: LoadedBackbone) -> Prepared:
    tower = loaded.image_tower
    scale, shift = normalisation(tower.preprocessing.mean, tower.preprocessing.std)
    module = tower.module.to(memory_format=torch.contiguous_format)
    return Prepared(module, scale=scale, shift=shift).eval()


def _synthetic(loaded: LoadedBackbone) -> PixelArray:
    """Two pictures for what no photograph shows: noise, and every level from black to white."""
    height, width = loaded.image_tower.preprocessing.input_size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    levels = np.linspace(0, 255, width, dtype=np.uint8)
    ramp = np.broadcast_to(levels[None, :, None], (height, width, 3))
    return np.stack([noise, ramp])


def _by_tracing(prepared: Prepared, pixels: Tensor, graph: Path) -> None:
    """Seconds, for nearly every convolutional network; a path that torch means to give up."""
    torch.onnx.export(
        prepared,
        (pixels,),
        graph,
        dynamo=False,
        input_names=[PIXELS],
        output_names=[EMBEDDINGS],
        dynamic_axes={PIXELS: {0: "n"}, EMBEDDINGS: {0: "n"}},
        opset_version=_OPSET,
    )


def _by_capturing(prepared: Prepared, pixels: Tensor, graph: Path) -> None:
    """Ten seconds and more; takes what tracing does not."""
    torch.onnx.export(
        prepared,
        (pixels,),
        graph,
        dynamo=True,
        input_names=[PIXELS],
        output_names=[EMBEDDINGS],
        dynamic_shapes=({0: torch.export.Dim("n", min=1, max=1024)},),
        external_data=False,
        verbose=False,
    )


def _keep(request: ExportRequest, loaded: LoadedBackbone, *, cosine: float) -> Export:
    head = head_of(loaded.backbone.native_head)
    if head is not None:
        write_head(request.folder / HEAD, head, {"model": request.backbone.name})
    return Export(
        folder=request.folder,
        detail=loaded.detail,
        sha256=file_sha256(request.folder / GRAPH),
        head_sha256="" if head is None else file_sha256(request.folder / HEAD),
        cosine=cosine,
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]


def export_folder(folder: Path) -> None:
    """Export what the folder's request names, into it; or leave there why that cannot be."""
    request = read_request(folder)
    try:
        write_export(export(request))
    except ZooError as error:
        write_failure(request.folder, error)


def main(folder: str) -> None:
    """Export at low priority, on one thread."""
    leash.hold()
    os.setpriority(os.PRIO_PROCESS, 0, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    torch.set_num_threads(1)
    export_folder(Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
