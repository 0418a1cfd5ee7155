"""Builds transformers' networks and fills them with what lies in their folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel
from transformers.models.auto.modeling_auto import MODEL_MAPPING
from transformers.utils import logging

from zoo.backbone import IMAGE, RANDOM_WEIGHTS, TEXT, AnyTower, Backbone, LoadRequest
from zoo.errors import NotFoundError, PluginError
from zoo_transformers.cards import PRETRAINED
from zoo_transformers.checkpoints import read_state
from zoo_transformers.families import PLUGIN
from zoo_transformers.folders import MODELS, Model, find_models
from zoo_transformers.heads import find_head
from zoo_transformers.towers import image_tower, text_tower

_SEED = 0


def build(request: LoadRequest) -> Backbone:
    """A folder's model with its parameters, or untrained with parameters of a fixed seed."""
    model = _find(request)
    if request.weights == RANDOM_WEIGHTS:
        return _backbone(model, _create_untrained(model), state={})
    state = read_state(model.folder, request.read_checkpoint)
    return _backbone(model, _create_trained(model, state), state=state)


def _find(request: LoadRequest) -> Model:
    served = {model.architecture: model for model in find_models().served}
    if request.architecture not in served:
        raise NotFoundError(
            f"no folder of this machine holds {request.architecture!r}; models lie in the Hugging "
            f"Face hub's cache or in the folder that {MODELS} names",
            code="unknown_architecture",
            nearest=tuple(served)[:3],
        )
    if request.weights not in (PRETRAINED, RANDOM_WEIGHTS):
        raise NotFoundError(
            f"{request.architecture} has no weights {request.weights!r}; "
            f"it has {PRETRAINED!r} and {RANDOM_WEIGHTS!r}",
            code="unknown_weights",
            nearest=(PRETRAINED, RANDOM_WEIGHTS),
        )
    return served[request.architecture]


def _create_untrained(model: Model) -> nn.Module:
    config = AutoConfig.from_pretrained(model.folder, local_files_only=True)
    with torch.random.fork_rng(devices=[]), _quiet():
        torch.manual_seed(_SEED)
        network: nn.Module = AutoModel.from_config(  # type: ignore[no-untyped-call]
            config, dtype=torch.float32
        )
    return network


def _create_trained(model: Model, state: Mapping[str, Tensor]) -> nn.Module:
    # transformers renames and checks the tensors as when it reads a file of its own; what it
    # does not find it draws at random, which only parts that are cut off afterwards may be.
    config = AutoConfig.from_pretrained(model.folder, local_files_only=True)
    architecture: Any = MODEL_MAPPING[type(config)]  # a class that no type names
    with torch.random.fork_rng(devices=[]), _quiet():
        network, report = architecture.from_pretrained(
            None,
            config=config,
            state_dict=dict(state),
            dtype=torch.float32,
            output_loading_info=True,
        )
    missing = sorted(name for name in report["missing_keys"] if not _is_spare(name, model))
    strange = [*missing, *sorted(str(one) for one in report["mismatched_keys"])]
    if strange:
        raise PluginError(
            f"the checkpoint in {model.folder} does not fit its configuration: "
            f"{strange[0]} is missing or of another shape",
            plugin=PLUGIN,
        )
    found: nn.Module = network
    return found


def _is_spare(name: str, model: Model) -> bool:
    """Whether a parameter is of a part that is not used."""
    pools_itself = model.configuration.model_type in ("beit", "swin", "convnext", "convnextv2")
    return name.endswith("mask_token") or (name.startswith("pooler.") and not pools_itself)


def _backbone(model: Model, network: nn.Module, *, state: Mapping[str, Tensor]) -> Backbone:
    known = model.configuration
    network.eval()
    towers: dict[str, AnyTower] = {}
    dim = 0
    if known.preprocessing is not None:
        towers[IMAGE], dim = image_tower(model, network, known.preprocessing)
    if known.text_preprocessing is not None:
        towers[TEXT], dim = text_tower(model, network, known.text_preprocessing)
    return Backbone(
        towers=towers,
        dim=dim,
        native_head=find_head(known.config, state, dim=dim) if known.family == "image" else None,
        definition=known.definition,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no reports meanwhile: what is wrong is raised."""
    level = logging.get_verbosity()
    has_bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if has_bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
