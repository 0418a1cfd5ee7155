"""Which processes this configuration needs, and with which command lines."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from zoo import leash
from zoo.devices import VISIBLE
from zoo.settings import CPU_QUEUE, GPU_QUEUE, DeviceChoice, Settings
from zoo.supervisor.broker import broker_command
from zoo.supervisor.processes import ChildSpec

STOP_ORDER = ("api", "worker", "keeper", "predictor", "broker")

MODULES = {
    "api": "zoo_api",
    "keeper": "zoo.jobs.serve",
    "worker": "zoo_workers",
    "predictor": "zoo.inference.serve",
}
"""By name, as this process must never import what they import."""

_GRACE_S = {"api": 3.0, "worker": 6.0}  # with 1 s for each other: 12 s of the 15 promised


def python_command(process: str) -> tuple[str, ...]:
    """The command line of one of our processes; `-P`: the working directory shadows nothing."""
    return (sys.executable, "-P", "-m", MODULES[process])


def broker_spec(settings: Settings) -> ChildSpec | None:
    """The embedded broker; None when the user named one."""
    if settings.broker_url:
        return None
    shim = (sys.executable, "-I", leash.__file__, "--")
    return ChildSpec(name="broker", argv=(*shim, *broker_command(settings)), grace_s=1.0)


def service_specs(settings: Settings, gpus: Sequence[str] = ()) -> tuple[ChildSpec, ...]:
    """Everything that needs broker and catalog; no predictor when the user named one.

    Each of the `gpus` has a worker of its own beside the one for the cores.
    """
    names = [name for name in MODULES if name != "predictor" or not settings.predictor_url]
    specs = {name: _spec(name) for name in names}
    queues = CPU_QUEUE if gpus else f"{CPU_QUEUE},{GPU_QUEUE}"  # what an earlier GPU left queued
    specs["worker"] = replace(specs["worker"], environment={"ZOO_QUEUE": queues})
    return (*specs.values(), *_gpu_workers(settings, gpus))


def _spec(process: str) -> ChildSpec:
    grace_s = _GRACE_S.get(process, 1.0)
    return ChildSpec(name=process, argv=python_command(process), grace_s=grace_s)


def _gpu_workers(settings: Settings, gpus: Sequence[str]) -> Iterator[ChildSpec]:
    decoders = settings.gpu_decoders or max(1, settings.cores // max(1, len(gpus)))
    for place, gpu in enumerate(gpus):
        environment = {"ZOO_QUEUE": GPU_QUEUE, "ZOO_GPU_DECODERS": str(decoders), VISIBLE: gpu}
        yield replace(
            _spec("worker"), name=f"worker-gpu{place}", part="worker", environment=environment
        )


def settled(settings: Settings, gpus: Sequence[str]) -> Settings:
    """The settings for all processes of one service, which agree on what it forwards on."""
    return replace(settings, device=DeviceChoice.CUDA if gpus else DeviceChoice.CPU)


def child_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of all children."""
    inherited = dict(environ)
    # Without bytecode each process pays seconds to import torch.
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    # Two spinning OpenMP teams on a shared machine are slower than none.
    return {**inherited, **settings.environment(), "OMP_NUM_THREADS": "1"}
