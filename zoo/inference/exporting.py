"""The process that exports one backbone: `python -m zoo.inference.exporting FOLDER`.

The image tower becomes an ONNX graph with the normalisation of its pixels in front. It is kept
only if ONNX Runtime gives torch's numbers on real pictures, one by one and as a batch; then it is
measured which engine forwards it fastest.
"""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zoo.errors import ZooError
from zoo.inference.agreement import LEAST_COSINE, agreement, synthetic
from zoo.inference.choosing import choose
from zoo.inference.engines import FloatArray, PixelArray
from zoo.inference.engines.eager import EagerEngine
from zoo.inference.engines.onnx import EMBEDDINGS, PIXELS, OnnxEngine
from zoo.inference.engines.prepared import Prepared
from zoo.inference.exports import (
    GRAPH,
    HEAD,
    Export,
    ExportRequest,
    read_request,
    write_export,
    write_failure,
)
from zoo.inference.faulting import first_line
from zoo.inference.heads import head_of
from zoo.inference.loading import LoadedBackbone, load_backbone
from zoo.storage.blobs import file_sha256
from zoo.training.heads import write_head

_OPSET = 18
_NICENESS = 10


def export(request: ExportRequest) -> Export:
    """Try each exporter until one's graph holds; raises what building the backbone raises."""
    loaded = load_backbone(
        request.backbone, weights_cache=request.weights_cache, network=request.network
    )
    size = loaded.image_tower.preprocessing.input_size
    samples = np.concatenate([request.samples, synthetic(size)])
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
            reasons.append(f"{way}: {type(error).__name__}: {first_line(error)}")
            continue
        if cosine >= LEAST_COSINE:
            made = _keep(request, loaded, cosine=cosine)
            return replace(made, **asdict(choose(graph, samples, expected=expected)))
        reasons.append(f"{way}: it agrees with torch to {cosine:.6f} only")
    return Export(folder=request.folder, detail=loaded.detail, reason="; ".join(reasons))


def _torch_embeddings(loaded: LoadedBackbone, samples: PixelArray) -> FloatArray:
    return EagerEngine(loaded).embed(samples)


def _prepared(loaded: LoadedBackbone) -> Prepared:
    prepared = Prepared(loaded.image_tower, dtype=loaded.dtype)
    return prepared.to(memory_format=torch.contiguous_format).eval()


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
    made = Export(
        folder=request.folder,
        detail=loaded.detail,
        sha256=file_sha256(request.folder / GRAPH),
        head_sha256="" if head is None else file_sha256(request.folder / HEAD),
        cosine=cosine,
    )
    write_export(made)  # a crash or the time limit costs it the choice from now on, no more
    return made


def export_folder(folder: Path) -> None:
    """Export what the folder's request names, into it; or leave there why that cannot be."""
    request = read_request(folder)
    try:
        write_export(export(request))
    except ZooError as error:
        write_failure(request.folder, error)


def main(folder: str) -> None:
    """Export at low priority, on one thread."""
    os.setpriority(os.PRIO_PROCESS, 0, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    torch.set_num_threads(1)
    export_folder(Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
