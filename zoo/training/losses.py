"""What training makes small: cross-entropy with soft targets, and classes that weigh the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import log_softmax, one_hot


def soft_targets(targets: NDArray[np.int64], *, n_classes: int, smoothing: float) -> Tensor:
    """Probabilities float32 `(n, classes)`: a share of `smoothing` is dealt out to all classes."""
    wanted = one_hot(torch.from_numpy(targets), n_classes).float()
    return wanted * (1 - smoothing) + smoothing / n_classes


def weights_of(targets: Sequence[int] | NDArray[np.int64], *, n_classes: int) -> Tensor:
    """A weight for each class, float32 `(classes,)`, so that all classes weigh the same."""
    counts = np.bincount(np.asarray(targets), minlength=n_classes)
    weights = len(targets) / (n_classes * np.maximum(counts, 1))
    return torch.from_numpy(weights.astype(np.float32))


def summed_loss(logits: Tensor, wanted: Tensor, class_weights: Tensor) -> Tensor:
    """The sum of the weighted cross-entropies; divided by `total_weight` of a batch, its loss.

    So the parts of a batch add up to the whole, however it is cut.
    """
    losses = -(log_softmax(logits, dim=1) * wanted).sum(dim=1)
    return (losses * (wanted @ class_weights)).sum()


def total_weight(wanted: Tensor, class_weights: Tensor) -> float:
    """What a batch weighs."""
    return float((wanted @ class_weights).sum())
