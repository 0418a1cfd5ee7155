"""A task that a head alone does badly and a trained network well, and how it is asked for."""

from tests.eager import Json
from tests.pictures import striped
from zoo.testing import tiny

FULL = {"strategy": "full", "epochs": 6, "rate": 0.02, "augmentation": "none"}


def files(n: int) -> dict[str, bytes]:
    """So many pictures of each of two labels that colours do not tell apart."""
    return {
        f"{label}/{number}.png": striped(label, number)
        for label in ("level", "upright")
        for number in range(n)
    }


def spec_of(dataset: str, name: str, **more: object) -> Json:
    """A fine-tune job of the tiny backbone."""
    spec = {"dataset": dataset, "model": tiny.MODEL, "name": name, **more}
    return {"type": "fine_tune", "spec": spec}
