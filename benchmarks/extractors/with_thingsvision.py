"""thingsvision, with the network handed to it and its own loader of files."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch  # noqa: F401  # before TensorFlow, which brings an LLVM that does not stand torch's after it
from torch import nn

from benchmarks.contest.task import Stopwatch, hand_in, read_task
from benchmarks.extractors.in_torch import load_network, load_transform

np.AxisError = np.exceptions.AxisError  # type: ignore[attr-defined]  # where it was before numpy 2

from thingsvision import get_extractor_from_model  # noqa: E402
from thingsvision.utils.data import DataLoader, ImageDataset  # noqa: E402

LAYER = "backbone"


def main() -> None:
    """Embed the task's pictures."""
    task = read_task()
    model = nn.Sequential(OrderedDict({LAYER: load_network(task)}))
    extractor = get_extractor_from_model(model=model, device="cpu", backend="pt")
    with Stopwatch() as watch:
        files = ImageDataset(
            root=task.folder,
            out_path=task.scratch,
            backend="pt",
            file_names=list(task.names),
            transforms=load_transform(task),
        )
        batches = DataLoader(dataset=files, batch_size=task.batch, backend="pt")
        vectors = extractor.extract_features(batches=batches, module_name=LAYER)
    hand_in(task, vectors, watch, packages=("thingsvision", "torch"), batch=task.batch)


if __name__ == "__main__":
    main()
