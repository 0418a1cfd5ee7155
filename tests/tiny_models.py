"""Model folders as transformers itself saves them: tiny, untrained, the same on every run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import AutoConfig, AutoModel, AutoModelForImageClassification

WORDS = (
    *("a", "the", "red", "green", "blue", "cat", "dog", "picture", "of"),
    *("photograph", "runs", "sleeps", "over", "under", "field"),
)
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
ENCODER = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
TEXT = {**ENCODER, "vocab_size": len(WORDS) + len(SPECIAL), "pad_token_id": 1}
TEXT_TYPES: Mapping[str, Mapping[str, object]] = {
    "albert": {**TEXT, "embedding_size": 16, "max_position_embeddings": 40},
    "bert": {**TEXT, "max_position_embeddings": 40},
    "camembert": {**TEXT, "max_position_embeddings": 42},
    "deberta-v2": {**TEXT, "max_position_embeddings": 40, "relative_attention": True},
    "distilbert": {
        "vocab_size": TEXT["vocab_size"], "dim": 32, "hidden_dim": 48, "n_layers": 2,
        "n_heads": 2, "max_position_embeddings": 40, "pad_token_id": 1,
    },
    "electra": {**TEXT, "embedding_size": 16, "max_position_embeddings": 40},
    "modernbert": {
        **TEXT, "max_position_embeddings": 40, "cls_token_id": 0, "sep_token_id": 2,
        "bos_token_id": 0, "eos_token_id": 2,
    },
    "mpnet": {**TEXT, "max_position_embeddings": 42},
    "roberta": {**TEXT, "max_position_embeddings": 42},
    "xlm-roberta": {**TEXT, "max_position_embeddings": 42},
}  # fmt: skip
IMAGE = {**ENCODER, "image_size": 32, "patch_size": 8}
IMAGE_TYPES: Mapping[str, Mapping[str, object]] = {
    "beit": {**IMAGE, "use_mean_pooling": True, "use_relative_position_bias": True},
    "convnext": {"hidden_sizes": [8, 16], "depths": [1, 2], "num_stages": 2},
    "convnextv2": {"hidden_sizes": [8, 16], "depths": [1, 2], "num_stages": 2},
    "deit": IMAGE,
    "dinov2": {**IMAGE, "mlp_ratio": 2},
    "swin": {
        "image_size": 32, "patch_size": 4, "embed_dim": 16, "depths": [1, 2], "num_heads": [2, 2],
        "window_size": 4,
    },
    "vit": IMAGE,
}  # fmt: skip
SQUASHED = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "size": {"height": 32, "width": 32},
    "resample": 2,
    "rescale_factor": 1 / 255,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.5, 0.6, 0.7],
}
CROPPED = {
    **SQUASHED,
    "image_processor_type": "CLIPImageProcessor",
    "do_center_crop": True,
    "size": {"shortest_edge": 36},
    "crop_size": {"height": 32, "width": 32},
    "resample": 3,
}


def save_text_model(folder: Path, model_type: str = "bert", **changes: object) -> Path:
    """A text encoder with its tokenizer."""
    return _save(folder, _config(model_type, {**TEXT_TYPES[model_type], **changes}))


def save_image_model(
    folder: Path, model_type: str = "vit", *, labels: tuple[str, ...] = ()
) -> Path:
    """An image encoder; with labels a classifier on it."""
    config = _config(model_type, IMAGE_TYPES[model_type])
    if labels:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: place for place, label in enumerate(labels)}
    return _save(folder, config, processor=SQUASHED, is_classifier=bool(labels))


def save_pair(folder: Path, model_type: str = "clip") -> Path:
    """Two encoders into one space of 16 numbers, and what prepares both inputs."""
    text = {**TEXT, "max_position_embeddings": 12, "bos_token_id": 0, "eos_token_id": 2}
    if model_type == "siglip":
        text["projection_size"] = 32
    config = AutoConfig.for_model(
        model_type, text_config=text, vision_config=IMAGE, projection_dim=16
    )
    return _save(folder, config, processor=CROPPED)


def write_json(path: Path, content: object) -> None:
    """Write one of a folder's files, or another in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")


def _config(model_type: str, fields: Mapping[str, object]) -> Any:  # each type has its own
    return AutoConfig.for_model(model_type, **fields)


def _save(
    folder: Path,
    config: Any,
    *,
    processor: Mapping[str, object] | None = None,
    is_classifier: bool = False,
) -> Path:
    kind = AutoModelForImageClassification if is_classifier else AutoModel
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = kind.from_config(config)
        for parameter in network.parameters():
            # Wider than networks begin with, so that inputs differ in what they give.
            torch.nn.init.normal_(parameter, std=0.2)
    network.save_pretrained(folder)
    if processor is not None:
        write_json(folder / "preprocessor_config.json", processor)
    if hasattr(config, "vocab_size") or hasattr(config, "text_config"):
        _save_tokenizer(folder)
    return folder


def _save_tokenizer(folder: Path) -> None:
    vocabulary = {word: place for place, word in enumerate((*SPECIAL, *WORDS))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
            "bos_token": "<s>",
            "eos_token": "</s>",
        },
    )
