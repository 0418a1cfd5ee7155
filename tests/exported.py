"""A home in which Lite0 has been exported, by two who needed it at the same time."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np

from zoo.inference.exports import Export, Exports
from zoo.inference.loading import load_backbone
from zoo.predictor import BackboneDetail, BackboneRef

LITE0 = BackboneRef(plugin="lite", architecture="efficientnet_lite0", weights="in1k")


def some_pixels() -> np.ndarray:
    """Two pictures of noise, prepared for Lite0."""
    return np.random.default_rng(2).integers(0, 256, (2, 224, 224, 3), np.uint8)


def export_lite0(home: Path) -> BackboneDetail:
    """Export it twice at once; returns what it is."""
    detail = load_backbone(LITE0, weights_cache=home / "weights").detail
    ref = replace(LITE0, space_id=detail.space.space_id)
    given: list[np.ndarray] = []
    found: list[Export] = []

    def pixels() -> np.ndarray:
        given.append(some_pixels())
        return given[-1]

    def make() -> None:
        found.append(Exports(home, timeout_s=120).make(ref, detail, samples=pixels))

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 1
    assert found[0] == found[1]
    return detail
