"""timm's training script: its building blocks in its order, with the defaults of its options.

The package does not carry the script. Defaults: batches of 128, SGD with Nesterov's momentum and a
rate of 0.1 at 256 pictures, warm-up of 5 epochs and cosine, label smoothing, crops, flips and
colour jitter, four loading processes, the checkpoint that does best on validation.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.data.dataset_factory import create_dataset
from timm.data.loader import create_loader
from timm.loss.cross_entropy import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]  # it marks no exports
from timm.scheduler.scheduler_factory import create_scheduler_v2
from torch import nn

from benchmarks.contest.task import Stopwatch
from benchmarks.contest.tuning import TuningTask, hand_in_answers, read_tuning_task
from benchmarks.tuners.in_torch import Batches, Best, accuracy, answers, begin, load_network, train

BATCH = 128
RATE, RATE_BATCH = 0.1, 256  # the rate grows with the batch
WEIGHT_DECAY, MOMENTUM = 2e-5, 0.9
WARM_UP_EPOCHS, WARM_UP_RATE = 5, 1e-5
SMOOTHING = 0.1
WORKERS = 4


def main() -> None:
    """Train, and answer the tests."""
    task = read_tuning_task()
    begin(task)
    network = load_network(task)
    batches = {part: load(task, part) for part in task.part}
    with Stopwatch() as watch:
        fine_tune(task, network, batches["train"], batches["validation"])
    hand_in_answers(task, answers(network, batches["test"]), watch, packages=("timm", "torch"))


def load(task: TuningTask, part: str) -> Batches:
    """The pictures of a part, altered if they are to train on."""
    is_training = part == "train"
    pictures = create_dataset("", root=task.tree, split=part, is_training=is_training)
    options: dict[str, Any] = (
        {"scale": (0.08, 1.0), "ratio": (3 / 4, 4 / 3), "color_jitter": 0.4, "hflip": 0.5}
        if is_training
        else {"crop_pct": task.transform["crop_pct"]}
    )
    batches: Batches = create_loader(
        pictures,
        input_size=(3, task.size, task.size),
        batch_size=task.batch(BATCH),
        is_training=is_training,
        interpolation="random" if is_training else task.transform["interpolation"],
        mean=task.transform["mean"],
        std=task.transform["std"],
        num_workers=WORKERS,
        device=torch.device("cpu"),
        **options,
    )
    return batches


def fine_tune(task: TuningTask, network: nn.Module, batches: Batches, validation: Batches) -> None:
    """All epochs, and back to the best."""
    optimizer = create_optimizer_v2(
        network,
        opt="sgd",
        lr=RATE * task.batch(BATCH) / RATE_BATCH,
        weight_decay=WEIGHT_DECAY,
        momentum=MOMENTUM,
    )
    schedule, epochs = create_scheduler_v2(
        optimizer,
        sched="cosine",
        num_epochs=task.epochs,
        warmup_epochs=WARM_UP_EPOCHS,
        warmup_lr=WARM_UP_RATE,
    )
    loss = LabelSmoothingCrossEntropy(smoothing=SMOOTHING)  # type: ignore[no-untyped-call]
    best = Best()
    for epoch in range(epochs):
        train(network, batches, loss=loss, optimizer=optimizer)
        best.see(network, accuracy(network, validation))
        schedule.step(epoch + 1)
    best.restore(network)


if __name__ == "__main__":
    main()
