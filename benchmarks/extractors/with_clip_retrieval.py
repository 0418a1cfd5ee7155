"""clip-retrieval's `clip_inference`, with the network in the place of CLIP's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from clip_retrieval.clip_inference import mapper, worker
from clip_retrieval.clip_inference.main import main as infer
from PIL import Image
from torch import Tensor, nn

from benchmarks.contest.task import Stopwatch, Task, hand_in, read_task
from benchmarks.extractors.in_torch import Transform, load_network, load_transform


class Encoder:
    """The network as clip-retrieval asks for one."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    def encode_image(self, images: Tensor) -> Tensor:
        """Embeddings `(n, dim)`."""
        output: Tensor = self._network(images)
        return output

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Never called: there is no text."""
        raise NotImplementedError(f"{len(tokens)} texts")


class Prepared:
    """A transform that is given files as they were opened."""

    def __init__(self, transform: Transform) -> None:
        self._transform = transform

    def __call__(self, image: Image.Image) -> Tensor:
        """One picture `(3, height, width)`."""
        return self._transform(image.convert("RGB"))


def main() -> None:
    """Embed the task's pictures."""
    task = read_task()
    loads = loader(task)
    for module in (mapper, worker):
        module.load_clip = loads
    with Stopwatch() as watch:
        infer(
            input_dataset=task.folder,
            output_folder=task.scratch,
            enable_text=False,
            batch_size=task.batch,
            num_prepro_workers=task.processes,
        )
        parts = sorted(Path(task.scratch, "img_emb").glob("*.npy"))
        vectors = np.concatenate([np.load(part) for part in parts])
    hand_in(task, vectors, watch, packages=("clip-retrieval", "torch"), batch=task.batch)


def loader(task: Task) -> Callable[..., tuple[Encoder, Prepared, None]]:
    """A `load_clip` that has the network already."""
    found = Encoder(load_network(task)), Prepared(load_transform(task)), None
    torch.set_grad_enabled(False)
    return lambda **_: found


if __name__ == "__main__":
    main()
