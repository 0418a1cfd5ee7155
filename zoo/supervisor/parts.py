"""Which of the packages that extras bring are here, and what does not work without them."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec

FAISS_BUILDS = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cuvs")
"""Distributions that bring the module `faiss`; the last one installed wins, file by file."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A module that an extra of ours brings."""

    module: str
    extra: str
    lost: str  # what cannot be done without it


PARTS = (
    Part(module="torch", extra="worker", lost="no model can run"),
    Part(module="faiss", extra="cpu", lost="no collection can be searched"),
)


def complaints() -> Iterator[str]:
    """A sentence for each part that is missing or there twice; nothing is imported for it."""
    for part in PARTS:
        if find_spec(part.module) is None:
            yield (
                f"{part.module} is not installed, so {part.lost}; "
                f"get it with: pip install 'featurezoo[{part.extra}]'"
            )
    builds = [name for name in FAISS_BUILDS if _is_installed(name)]
    if len(builds) > 1:
        yield (
            f"{' and '.join(builds)} are installed over each other; uninstall all of them, "
            "then: pip install 'featurezoo[cpu]' or 'featurezoo[gpu]'"
        )


def _is_installed(name: str) -> bool:
    try:
        return bool(distribution(name))
    except PackageNotFoundError:
        return False
