"""What one process forwards on: cores or a GPU, in which batches, decoded by how many."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from zoo.devices import cuda_devices
from zoo.inference.runtimes import GRAPH_BATCH
from zoo.settings import GPU_QUEUE, EngineChoice, Settings

CPU, CUDA = "cpu", "cuda"
_PREDICTOR_DECODERS = 2

_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where one process forwards, and how."""

    device: str = CPU  # as torch names it; of several GPUs the first that the process may see
    batch: int = 2  # pictures a forward
    decoders: int = 1  # sandboxes that decode for it at the same time
    is_compiled: bool = False  # for its GPU: a minute at the first start, for speed after it
    is_shared: bool = False  # many threads ask its GPU: what comes at once is forwarded together
    is_online: bool = False  # most pictures come alone

    @property
    def is_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.device != CPU

    @property
    def graph_batch(self) -> int:
        """Pictures that a graph is compiled for, where its engine wants to know."""
        return 1 if self.is_online else min(self.batch, GRAPH_BATCH)


def place_worker(settings: Settings, queue: str) -> Placement:
    """For the children of a worker: its GPU if it works for GPUs alone, else a core each.

    Raises `StartError` if the settings ask for a GPU that is not there.
    """
    if queue != GPU_QUEUE:
        return Placement(batch=settings.forward_batch)
    if not cuda_devices(settings):
        _log.warning("no_gpu", queue=queue, detail="its shards are forwarded on the CPU")
        return Placement(batch=settings.forward_batch)
    return Placement(
        device=CUDA,
        batch=settings.gpu_batch,
        decoders=settings.gpu_decoders or settings.cores,
        is_compiled=settings.engine != EngineChoice.EAGER,
    )


def place_predictor(settings: Settings) -> Placement:
    """For the predictor, which answers at once: nothing is compiled for it.

    Raises `StartError` if the settings ask for a GPU that is not there.
    """
    if not cuda_devices(settings):
        return Placement(
            batch=settings.forward_batch, decoders=_PREDICTOR_DECODERS, is_online=True
        )
    return Placement(
        device=CUDA,
        batch=settings.gpu_batch,
        decoders=settings.gpu_decoders or settings.cores,
        is_shared=True,
    )
