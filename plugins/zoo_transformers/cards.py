"""Turns the folders that were found into cards; builds no network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from zoo.backbone import Card, InputSizes, Weights
from zoo_transformers.checkpoints import has_checkpoint
from zoo_transformers.families import ANY_SIZE, Family
from zoo_transformers.folders import PACKAGED, Model

PRETRAINED = "pretrained"
"""The tag of the parameters that lie in a model's folder."""
_UNSAID = "not stated in the model's folder"
_DOMAINS: Mapping[Family, str] = {
    "text": "text",
    "image": "photographs",
    "pair": "photographs and text",
}
_LICENCE = re.compile(r"^license:\s*(\S.*)$", re.MULTILINE)
_DATASETS = re.compile(r"^datasets:\s*\n((?:\s*-\s+.+\n)+)", re.MULTILINE)


def describe(model: Model) -> Card:
    """One folder's model; without parameters in it only the untrained one."""
    known = model.configuration
    return Card(
        architecture=model.architecture,
        weights=(_weights(model),) if has_checkpoint(model.folder) else (),
        towers=known.towers,
        preprocessing=known.preprocessing,
        text_preprocessing=known.text_preprocessing,
        input_sizes=InputSizes(is_fixed=known.model_type not in ANY_SIZE),
        facts=_facts(model),
    )


def _weights(model: Model) -> Weights:
    known = model.configuration
    front = _front_matter(model.folder)
    licence = _LICENCE.search(front)
    return Weights(
        tag=PRETRAINED,
        preprocessing=known.preprocessing,
        text_preprocessing=known.text_preprocessing,
        licence=licence[1].strip("\"' ") if licence else _UNSAID,
        source_data=_trained_on(front),
        domain=_DOMAINS[known.family],
        known_biases=_BIASES.get(model.architecture, "not documented by the publisher"),
        source=model.origin,
    )


_BIASES = {
    PACKAGED: "English only; mostly questions, answers and titles from the web, as their writers "
    "are; the first 256 tokens of a text are seen"
}


def _trained_on(front: str) -> str:
    listed = _DATASETS.search(front)
    if listed is None:
        return _UNSAID
    return ", ".join(line.strip(" -\"'") for line in listed[1].splitlines())


def _front_matter(folder: Path) -> str:
    """The part of a model card that is meant for programs."""
    try:
        text = (folder / "README.md").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return text[3:].partition("\n---")[0] + "\n" if text.startswith("---") else ""


def _facts(model: Model) -> Mapping[str, str | float]:
    known = model.configuration
    facts: dict[str, str | float] = {"model_type": known.model_type}
    if known.pooling is not None:
        facts["pooling"] = str(known.pooling)
    return facts
