"""transformers' networks behind the one call that a tower's module answers."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from zoo_transformers.families import Readout
from zoo_transformers.pooling import Pooling

_LEAST = 1e-9


class TextEncoder(nn.Module):
    """One vector a text, made of its tokens' as its `Pooling` says."""

    def __init__(self, network: nn.Module, *, pooling: Pooling) -> None:
        super().__init__()
        _cut_off_pooler(network)
        self.network = network
        self._pooling = pooling

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Vectors `(n, dim)` of tokens `(n, length)`."""
        found = self.network(input_ids=input_ids, attention_mask=attention_mask)
        pooled = self._pool(found.last_hidden_state, attention_mask[..., None])
        return functional.normalize(pooled) if self._pooling.is_normalised else pooled

    def _pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        if self._pooling.mode == "cls":
            return hidden[:, 0]
        if self._pooling.mode == "max":
            return hidden.masked_fill(mask == 0, -float("inf")).amax(dim=1)
        weight = mask.to(hidden.dtype)
        return (hidden * weight).sum(dim=1) / weight.sum(dim=1).clamp_min(_LEAST)


class ImageEncoder(nn.Module):
    """The vector of a picture that the network's own classifiers are put on."""

    def __init__(self, network: nn.Module, *, readout: Readout) -> None:
        super().__init__()
        if readout == "class_token":
            _cut_off_pooler(network)
        self.network = network
        self._readout = readout

    def forward(self, pixels: Tensor) -> Tensor:
        """Vectors `(n, dim)` of pictures `(n, 3, height, width)`."""
        found = self.network(pixel_values=pixels)
        if self._readout == "class_token":
            token: Tensor = found.last_hidden_state[:, 0]
            return token
        pooled: Tensor = found.pooler_output
        return pooled.flatten(1)


class PairImages(nn.Module):
    """The pictures' side of a network with two, into the space that both share."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.encoder = network.get_submodule("vision_model")
        self.projection = getattr(network, "visual_projection", nn.Identity())

    def forward(self, pixels: Tensor) -> Tensor:
        """Vectors `(n, dim)` of pictures `(n, 3, height, width)`."""
        vectors: Tensor = self.projection(self.encoder(pixel_values=pixels).pooler_output)
        return vectors


class PairTexts(nn.Module):
    """The texts' side of a network with two, into the space that both share."""

    def __init__(self, network: nn.Module, *, reads_padding: bool) -> None:
        super().__init__()
        self.encoder = network.get_submodule("text_model")
        self.projection = getattr(network, "text_projection", nn.Identity())
        self._reads_padding = reads_padding

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Vectors `(n, dim)` of tokens `(n, length)`."""
        mask = None if self._reads_padding else attention_mask
        found = self.encoder(input_ids=input_ids, attention_mask=mask)
        vectors: Tensor = self.projection(found.pooler_output)
        return vectors


def _cut_off_pooler(network: nn.Module) -> None:
    # It was trained for another task, if at all: many checkpoints do not have it.
    if getattr(network, "pooler", None) is not None:
        network.register_module("pooler", None)
