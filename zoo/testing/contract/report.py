"""What holding a plugin against its promises found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROMISES: Mapping[str, str] = {
    "described": "describe() gives sound cards, the same each time",
    "complete": "each card says licence, source data, domain and where the weights come from",
    "light": "describing needs no torch",
    "quick": "describing takes no longer than callers wait for it",
    "loaded": "every variant can be built as the contract says",
    "preprocessing": "a built network's preprocessing is the one of its card",
    "tokenised": "texts become tokens with a mask, no more than the preprocessing says",
    "shaped": "n pictures or texts give float32 (n, dim)",
    "finite": "every number is finite, whatever the picture or text",
    "repeatable": "the same input gives the same numbers, also from a network built anew",
    "apart": "different pictures, or texts, give different vectors",
    "alone": "a picture's or text's vector does not depend on its batch, nor on padding",
    "still": "forwarding changes nothing in the network, BatchNorm's statistics included",
    "ordered": "blocks are listed in the order in which they run, and share nothing",
    "freezable": "frozen blocks stay as they are while the others learn",
    "tapped": "each layer gives a tensor with a row for each picture or text",
    "stored": "the parameters survive safetensors",
    "headed": "a native head is float32, finite, and has a different label for each class",
    "untrained": "the random variant is there, and is not the trained one",
    "affordable": "building and forwarding keep within time and memory",
}
"""All that a plugin promises, by the name of each promise."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a plugin may take; by itself what the service's own settings allow."""

    describe_s: float = 30.0
    load_s: float = 60.0
    forward_s: float = 10.0  # a picture or text
    memory_mb: float = 4096.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A promise that does not hold, in one sentence; a warning breaks nothing."""

    promise: str
    sentence: str
    is_warning: bool = False


@dataclass(frozen=True, kw_only=True)
class Report:
    """All findings about a plugin, and the models that were examined."""

    plugin: str
    models: tuple[str, ...]
    findings: tuple[Finding, ...]

    def broken(self, promise: str | None = None) -> tuple[str, ...]:
        """The sentences of broken promises, or of one of them."""
        return self._sentences(promise, is_warning=False)

    def warnings(self, promise: str | None = None) -> tuple[str, ...]:
        """The sentences that break nothing."""
        return self._sentences(promise, is_warning=True)

    def _sentences(self, promise: str | None, *, is_warning: bool) -> tuple[str, ...]:
        return tuple(
            finding.sentence
            for finding in self.findings
            if finding.is_warning == is_warning and promise in (None, finding.promise)
        )


def report_from_json(fields: Mapping[str, Any]) -> Report:
    """The report that `dataclasses.asdict` made JSON of."""
    return Report(
        plugin=fields["plugin"],
        models=tuple(fields["models"]),
        findings=tuple(Finding(**one) for one in fields["findings"]),
    )
