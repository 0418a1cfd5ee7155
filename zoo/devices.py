"""Which GPUs a process may use, told from files and the environment: torch is not imported."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from zoo.errors import StartError
from zoo.settings import DeviceChoice, Settings

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The variable by which CUDA itself is told which GPUs there are."""
GPU_LOST = 3
"""How a process ends under which a GPU has failed."""
_NODE = re.compile(r"nvidia\d+")
_FOLDER = Path("/dev")
_LIBRARY = Path("lib", "libtorch_cuda.so")


def cuda_devices(
    settings: Settings, *, environ: Mapping[str, str] | None = None, folder: Path = _FOLDER
) -> tuple[str, ...]:
    """The GPUs to forward on, each as `CUDA_VISIBLE_DEVICES` would name it alone; or none.

    There are none on request, without a device node in `folder`, and with `auto` where torch is
    a build without CUDA. Raises `StartError` where `cuda` is asked for and nothing is there.
    """
    if settings.device == DeviceChoice.CPU:
        return ()
    found = _visible(os.environ if environ is None else environ, folder)
    if settings.device == DeviceChoice.CUDA:
        _require(found, folder)
        return found
    return found if has_cuda_build() else ()


def has_cuda_build() -> bool:
    """Whether the torch that is installed could use a GPU at all."""
    spec = find_spec("torch")
    return spec is not None and (Path(str(spec.origin)).parent / _LIBRARY).exists()


def _visible(environ: Mapping[str, str], folder: Path) -> tuple[str, ...]:
    nodes = [path for path in folder.glob("nvidia*") if _NODE.fullmatch(path.name)]
    if not nodes:
        return ()
    if VISIBLE not in environ:
        return tuple(map(str, range(len(nodes))))
    named = [name.strip() for name in environ[VISIBLE].split(",")]
    # As CUDA reads it: what follows an invalid name is not seen.
    invalid = [place for place, name in enumerate(named) if not name or name.startswith("-")]
    return tuple(named[: invalid[0]] if invalid else named)


def _require(found: tuple[str, ...], folder: Path) -> None:
    if not found:
        raise StartError(
            f"ZOO_DEVICE is 'cuda', and no GPU is to be seen here (no {folder}/nvidia0, or "
            f"{VISIBLE} hides it); it should be 'auto' or 'cpu'"
        )
    if not has_cuda_build():
        raise StartError(
            "ZOO_DEVICE is 'cuda', and torch is not installed or was built without CUDA; "
            "get it with: pip install 'featurezoo[worker]'"
        )


def leave_lost_gpu(error: BaseException) -> None:
    """End this process at once if a GPU failed under it: it fails in all that is asked then.

    Who started the process starts another, which has the GPU anew. Told by the name of torch's
    error, as this is asked where torch may not be imported.
    """
    if is_lost_gpu(error):
        os._exit(GPU_LOST)


def is_lost_gpu(error: BaseException) -> bool:
    """Whether an error says that a GPU failed."""
    return any(kind.__name__ == "AcceleratorError" for kind in type(error).__mro__)
