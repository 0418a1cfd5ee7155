"""Which processes this configuration needs, and with which command lines."""

import sys
from collections.abc import Mapping

from zoo import leash
from zoo.settings import Settings
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


def service_specs(settings: Settings) -> tuple[ChildSpec, ...]:
    """Everything that needs broker and catalog; no predictor when the user named one."""
    names = [name for name in MODULES if name != "predictor" or not settings.predictor_url]
    return tuple(
        ChildSpec(name=name, argv=python_command(name), grace_s=_GRACE_S.get(name, 1.0))
        for name in names
    )


def child_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of all children."""
    inherited = dict(environ)
    # Without bytecode each process pays seconds to import torch.
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    # Two spinning OpenMP teams on a shared machine are slower than none.
    return {**inherited, **settings.environment(), "OMP_NUM_THREADS": "1"}
