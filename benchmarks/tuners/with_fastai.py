"""fastai as its quick start has it: `vision_learner`, `fine_tune`, and their defaults."""

from __future__ import annotations

import fastai.callback.schedule  # noqa: F401  # gives a Learner its fine_tune
import numpy as np
from fastai.callback.progress import ProgressCallback
from fastai.torch_core import default_device, set_seed
from fastai.vision.augment import Resize
from fastai.vision.data import ImageDataLoaders
from fastai.vision.learner import Learner, vision_learner

from benchmarks.contest.task import Stopwatch
from benchmarks.contest.tuning import TuningTask, hand_in_answers, read_tuning_task
from benchmarks.tuners.in_torch import FloatArray, begin

BATCH = 64


def main() -> None:
    """Train, and answer the tests."""
    task = read_tuning_task()
    begin(task)
    set_seed(task.seed)
    default_device(use=False)  # the CPU
    learner = load(task)
    with Stopwatch() as watch:
        learner.fine_tune(task.epochs)
    packages = ("fastai", "timm", "torch")
    hand_in_answers(task, answers(task, learner), watch, packages=packages)


def load(task: TuningTask) -> Learner:
    """A learner of the network, frozen below its head; it takes the normalisation from timm."""
    pictures = ImageDataLoaders.from_folder(
        task.tree,
        valid="validation",
        item_tfms=Resize(task.size),
        bs=task.batch(BATCH),
    )
    learner = vision_learner(
        pictures, task.architecture, pretrained_cfg_overlay={"file": task.weights}
    )
    return learner.remove_cb(ProgressCallback)


def answers(task: TuningTask, learner: Learner) -> FloatArray:
    """Probabilities of the labels, float32 `(n, labels)`."""
    tests = learner.dls.test_dl(sorted(task.part["test"].glob("*/*")))
    found, _ = learner.get_preds(dl=tests)
    return np.asarray(found.numpy(), np.float32)


if __name__ == "__main__":
    main()
