"""Builds a plugin's models and holds each against every promise; needs torch."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from zoo.backbone import RANDOM_WEIGHTS, Card, Plugin
from zoo.errors import PluginError, WeightsUnavailableError
from zoo.predictor import BackboneRef
from zoo.registry.cards import check_cards
from zoo.testing.contract import describing, numbers, structure
from zoo.testing.contract.report import Budget, Finding, Report
from zoo.testing.contract.subject import Subject, build
from zoo.testing.distributions import Given

MOST_ARCHITECTURES = 8
"""Examined unless models are named; spread over all of a larger plugin's."""

EXAMINATIONS: Mapping[str, Callable[[Subject], Iterable[str]]] = {
    "preprocessing": numbers.preprocessing,
    "tokenised": numbers.tokenised,
    "shaped": numbers.shaped,
    "finite": numbers.finite,
    "repeatable": numbers.repeatable,
    "apart": numbers.apart,
    "alone": numbers.alone,
    "still": numbers.still,
    "headed": numbers.headed,
    "ordered": structure.ordered,
    "tapped": structure.tapped,
    "stored": structure.stored,
    "freezable": structure.freezable,
}


def examine(plugin: str, *, models: Sequence[str] = (), budget: Budget) -> Report:
    """Examine an installed plugin; with `models` only those (full names)."""
    cards, findings = describing.describe(plugin, budget)
    return _report(plugin, cards, findings, models=models, budget=budget)


def examine_object(
    plugin: Plugin, *, name: str, models: Sequence[str] = (), budget: Budget
) -> Report:
    """Examine a plugin object as if it were installed under a name."""
    given = Given(name, plugin)
    try:
        cards = check_cards(name, plugin.describe())
        findings = [*describing.incomplete(name, cards)]
        if check_cards(name, plugin.describe()) != cards:
            sentence = f"plugin {name!r} describes itself differently the second time"
            findings.append(Finding(promise="described", sentence=sentence))
        return _report(name, cards, findings, models=models, budget=budget)
    except PluginError as error:
        return _report(
            name,
            (),
            [Finding(promise="described", sentence=error.detail)],
            models=(),
            budget=budget,
        )
    finally:
        given.close()


def _report(
    plugin: str,
    cards: tuple[Card, ...],
    findings: list[Finding],
    *,
    models: Sequence[str],
    budget: Budget,
) -> Report:
    hashes: dict[str, str] = {}
    refs = list(_chosen(plugin, cards, models))
    with tempfile.TemporaryDirectory() as folder:
        for ref, card in refs:
            findings += _examined(ref, card, budget=budget, folder=Path(folder), hashes=hashes)
    findings += _twins(hashes)
    findings += _unknown(plugin, {ref.name for ref, _ in refs}, models) if cards else ()
    names = tuple(ref.name for ref, _ in refs)
    return Report(plugin=plugin, models=names, findings=tuple(findings))


def _chosen(
    plugin: str, cards: Sequence[Card], models: Sequence[str]
) -> Iterator[tuple[BackboneRef, Card]]:
    if not models and len(cards) > MOST_ARCHITECTURES:
        cards = cards[:: -(-len(cards) // MOST_ARCHITECTURES)]
    for card in cards:
        for tag in [*(weights.tag for weights in card.weights), RANDOM_WEIGHTS]:
            ref = BackboneRef(plugin=plugin, architecture=card.architecture, weights=tag)
            if not models or ref.name in models:
                yield ref, card


def _examined(
    ref: BackboneRef, card: Card, *, budget: Budget, folder: Path, hashes: dict[str, str]
) -> Iterator[Finding]:
    try:
        subjects = build(ref, card, weights_cache=folder)
    except WeightsUnavailableError as error:
        is_random = ref.weights == RANDOM_WEIGHTS  # which is never fetched from anywhere
        promise = "untrained" if is_random else "loaded"
        sentence = f"{ref.name} could not be examined: {error.detail}"
        yield Finding(promise=promise, sentence=sentence, is_warning=not is_random)
        return
    except Exception as error:  # noqa: BLE001  # a stranger's code
        yield Finding(promise="loaded", sentence=_told(ref, error))
        return
    hashes[ref.name] = subjects[0].loaded.detail.weights_hash
    for subject in subjects:
        yield from _findings(subject, budget)


def _findings(subject: Subject, budget: Budget) -> Iterator[Finding]:
    for promise, examination in EXAMINATIONS.items():
        for sentence in _sentences(subject, promise, examination):
            yield Finding(promise=promise, sentence=sentence)
    for sentence in numbers.affordable(subject, budget):
        yield Finding(promise="affordable", sentence=sentence)


def _sentences(
    subject: Subject, promise: str, examination: Callable[[Subject], Iterable[str]]
) -> list[str]:
    try:
        return list(examination(subject))
    except Exception as error:  # noqa: BLE001  # a stranger's network
        return [
            f"{subject.name} fails where it is tried whether it is {promise}: "
            f"{type(error).__name__}: {error}"
        ]


def _told(ref: BackboneRef, error: Exception) -> str:
    if isinstance(error, PluginError):
        return error.detail
    return f"{ref.name} could not be built: {type(error).__name__}: {error}"


def _unknown(plugin: str, found: Container[str], models: Sequence[str]) -> Iterator[Finding]:
    for name in models:
        if name not in found:
            sentence = f"plugin {plugin!r} describes no model {name!r}"
            yield Finding(promise="described", sentence=sentence)


def _twins(hashes: Mapping[str, str]) -> Iterator[Finding]:
    """Random variants whose parameters are those of trained weights."""
    for name, weights_hash in hashes.items():
        plugin, architecture, tag = name.split(".", 2)  # a tag may have dots
        untrained = hashes.get(f"{plugin}.{architecture}.{RANDOM_WEIGHTS}")
        if tag != RANDOM_WEIGHTS and weights_hash == untrained:
            sentence = f"the random variant of {plugin}.{architecture} is the trained one"
            yield Finding(promise="untrained", sentence=sentence)
