"""The loop of PyTorch's tutorial on transfer learning: everything trained, the best epoch kept.

Its numbers: batches of 4, SGD with a rate of 0.001 and momentum 0.9, a tenth of it every 7 epochs,
random resized crops and flips.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader
from torchvision import datasets, transforms  # type: ignore[import-untyped]  # it ships no types

from benchmarks.contest.task import Stopwatch
from benchmarks.contest.tuning import TuningTask, hand_in_answers, read_tuning_task
from benchmarks.tuners.in_torch import Batches, Best, accuracy, answers, begin, load_network, train

BATCH = 4
RATE, MOMENTUM = 0.001, 0.9
STEP_EPOCHS, GAMMA = 7, 0.1
WORKERS = 4


def main() -> None:
    """Train, and answer the tests."""
    task = read_tuning_task()
    begin(task)
    network = load_network(task)
    batches = {part: load(task, part) for part in task.part}
    with Stopwatch() as watch:
        fine_tune(network, batches["train"], batches["validation"], epochs=task.epochs)
    hand_in_answers(
        task, answers(network, batches["test"]), watch, packages=("torch", "torchvision")
    )


def load(task: TuningTask, part: str) -> Batches:
    """The pictures of a part; those to train on come altered and in another order each epoch."""
    to_tensor = (
        transforms.ToTensor(),
        transforms.Normalize(task.transform["mean"], task.transform["std"]),
    )
    altering = (
        (transforms.RandomResizedCrop(task.size), transforms.RandomHorizontalFlip())
        if part == "train"
        else (
            transforms.Resize(round(task.size / task.transform["crop_pct"])),
            transforms.CenterCrop(task.size),
        )
    )
    pictures = datasets.ImageFolder(task.part[part], transforms.Compose([*altering, *to_tensor]))
    return DataLoader(pictures, batch_size=BATCH, shuffle=part == "train", num_workers=WORKERS)


def fine_tune(network: nn.Module, batches: Batches, validation: Batches, *, epochs: int) -> None:
    """All epochs, and back to the best."""
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=MOMENTUM)
    schedule = StepLR(optimizer, step_size=STEP_EPOCHS, gamma=GAMMA)
    best = Best()
    for _ in range(epochs):
        train(network, batches, loss=nn.CrossEntropyLoss(), optimizer=optimizer)
        schedule.step()
        best.see(network, accuracy(network, validation))
    best.restore(network)


if __name__ == "__main__":
    main()
