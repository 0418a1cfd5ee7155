"""The engine that every text tower runs on: torch as it is, on the CPU or a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from zoo.backbone import ATTENTION_MASK, TextTower
from zoo.inference.engines import EmbeddedTexts


class EagerTextEngine:
    """Forwards through a text tower in torch."""

    name = "eager"

    def __init__(self, tower: TextTower, *, device: str = "cpu") -> None:
        torch.set_num_threads(1)  # as for pictures
        self._device = torch.device(device)
        self._module = tower.module.to(self._device)
        self._tokenize = tower.tokenize

    def embed(self, texts: Sequence[str]) -> EmbeddedTexts:
        """Vectors float32 `(n, dim)`, C-contiguous."""
        with torch.inference_mode():
            tokens = self._tokenize(texts)
            given = {name: tokens_of.to(self._device) for name, tokens_of in tokens.items()}
            output = self._module(**given)
        return EmbeddedTexts(
            vectors=np.ascontiguousarray(output.to(torch.float32).cpu().numpy()),
            tokens=int(tokens[ATTENTION_MASK].sum()),
        )
