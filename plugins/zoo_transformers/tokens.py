"""Texts to tokens, by a folder's tokenizer.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer as FastTokenizer
from torch import Tensor

from zoo.backbone import ATTENTION_MASK
from zoo_transformers.configuration import CONFIG, TOKENIZER
from zoo_transformers.reading import read_optional


class Tokenizer:
    """Called with texts, gives ids and mask, int64 `(n, length)`; thread-safe.

    Padding goes to the right, to the longest text of the call, or with `is_full` to `max_tokens`.
    """

    def __init__(self, folder: Path, *, max_tokens: int, is_full: bool) -> None:
        self._tokenizer = FastTokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.no_padding()  # a file may bring lengths of its own
        self._tokenizer.enable_truncation(max_tokens)
        self._padding = _padding_id(folder, self._tokenizer)
        self._least = max_tokens if is_full else 1

    def __call__(self, texts: Sequence[str]) -> Mapping[str, Tensor]:
        """The texts' tokens."""
        # One by one: a batch starts a thread a core, which the other processes need.
        found = [self._tokenizer.encode(text).ids for text in texts]
        length = max(self._least, *map(len, found))
        ids = torch.full((len(found), length), self._padding, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(found):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        return {"input_ids": ids, ATTENTION_MASK: mask}


def _padding_id(folder: Path, tokenizer: FastTokenizer) -> int:
    """What the tokenizer's own configuration pads with, else what the network's says."""
    token = read_optional(folder / "tokenizer_config.json").get("pad_token")
    named = token.get("content") if isinstance(token, dict) else token
    found = tokenizer.token_to_id(named) if isinstance(named, str) else None
    if found is not None:
        return found
    config: Mapping[str, Any] = read_optional(folder / CONFIG)
    text = config.get("text_config", config)
    given = text.get("pad_token_id")
    return given if isinstance(given, int) else 0
