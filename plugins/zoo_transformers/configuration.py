"""What a model folder's JSON files say, checked; imports neither torch nor transformers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from zoo.backbone import IMAGE, TEXT, Preprocessing, TextPreprocessing
from zoo_transformers.families import Family, family_of, towers_of
from zoo_transformers.pictures import read_preprocessing
from zoo_transformers.pooling import Pooling, read_pooling
from zoo_transformers.reading import UnusableError, read_optional

Json: TypeAlias = Mapping[str, Any]
"""Decoded JSON: its shape is checked field by field."""

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
_PICTURES = ("preprocessor_config.json", "processor_config.json")
_SENTENCES = "sentence_bert_config.json"
_UNBOUNDED = 1_000_000  # what tokenizers say that know no limit
_VOLATILE = frozenset(
    {
        "_commit_hash",
        "_name_or_path",
        "architectures",
        "dtype",
        "id2label",
        "label2id",
        "torch_dtype",
        "transformers_version",
    }
)
"""Fields of a configuration that change no number."""


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """All that is known of a model without building it."""

    family: Family
    model_type: str
    config: Json
    preprocessing: Preprocessing | None
    text_preprocessing: TextPreprocessing | None
    pooling: Pooling | None  # of encoders that give a vector a token

    @property
    def towers(self) -> tuple[str, ...]:
        """The towers of the backbone."""
        return towers_of(self.family)

    @property
    def definition(self) -> str:
        """sha256 of what changes the network's numbers besides its parameters."""
        kept = {name: value for name, value in self.config.items() if name not in _VOLATILE}
        pooling = None if self.pooling is None else [self.pooling.mode, self.pooling.is_normalised]
        text = json.dumps([kept, pooling], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def read_configuration(folder: Path) -> Configuration | None:
    """What a folder holds; None if it is no model of a known family.

    Raises `UnusableError` for one that is, and cannot be served as its files are.
    """
    config = read_optional(folder / CONFIG)
    family = family_of(config.get("model_type"))
    if family is None:
        return None
    towers = towers_of(family)
    return Configuration(
        family=family,
        model_type=str(config["model_type"]),
        config=config,
        preprocessing=_of_pictures(folder) if IMAGE in towers else None,
        text_preprocessing=_of_texts(folder, config) if TEXT in towers else None,
        pooling=read_pooling(folder) if family == "text" else None,
    )


def _of_pictures(folder: Path) -> Preprocessing:
    for name in _PICTURES:
        fields = read_optional(folder / name)
        fields = fields.get("image_processor", fields)
        if fields:
            return read_preprocessing(fields)
    raise UnusableError(f"it has no {_PICTURES[0]}, which says how pictures are prepared")


def _of_texts(folder: Path, config: Json) -> TextPreprocessing:
    path = folder / TOKENIZER
    if not path.is_file():
        raise UnusableError(
            f"it has no {TOKENIZER}; AutoTokenizer.from_pretrained(...).save_pretrained(...) "
            "writes one"
        )
    return TextPreprocessing(
        tokenizer=hashlib.sha256(path.read_bytes()).hexdigest(),
        max_tokens=_max_tokens(folder, config),
    )


def _max_tokens(folder: Path, config: Json) -> int:
    """What sentence-transformers, the tokenizer and the position embeddings agree on."""
    text = config.get("text_config", config)
    positions = text.get("max_position_embeddings", 77 if "text_config" in config else 512)
    if config["model_type"] in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        positions -= text.get("pad_token_id", 1) + 1  # which they count from
    named = read_optional(folder / _SENTENCES).get("max_seq_length")
    allowed = read_optional(folder / "tokenizer_config.json").get("model_max_length")
    limits = [one for one in (named, allowed, positions) if isinstance(one, int | float)]
    found = int(min(limits))
    if not 0 < found < _UNBOUNDED:
        raise UnusableError(
            f"its texts have at most {found} tokens; it should be a number above 0"
        )
    return found
