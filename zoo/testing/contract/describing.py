"""Watches a plugin describe itself: `python -m zoo.testing.contract.describing NAME`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from zoo.backbone import Card
from zoo.registry.cards import check_cards
from zoo.registry.description import describe_in_process
from zoo.registry.plugins import load_plugin
from zoo.testing.contract.report import Budget, Finding

HEAVY = "torch"
_TEXTS = ("licence", "source_data", "domain", "source")
_MARK = "zoo-watched:"


@dataclass(frozen=True, kw_only=True)
class _Watched:
    """What describing took: seconds from the import on, and whether it brought torch."""

    seconds: float
    has_torch: bool
    is_same: bool  # both times


def describe(plugin: str, budget: Budget) -> tuple[tuple[Card, ...], list[Finding]]:
    """The plugin's cards, none if it is broken, and what is wrong with how it describes itself."""
    described = describe_in_process(plugin, timeout_s=2 * budget.describe_s)
    if described.state != "ready":
        return (), [Finding(promise="described", sentence=described.reason)]
    findings = [*_faults(plugin, _watch(plugin), budget), *incomplete(plugin, described.cards)]
    return described.cards, findings


def incomplete(plugin: str, cards: tuple[Card, ...]) -> Iterator[Finding]:
    """What cards leave unsaid."""
    if not cards:
        yield Finding(promise="complete", sentence=f"plugin {plugin!r} describes no architecture")
    for card in cards:
        for weights in card.weights:
            blank = [name for name in _TEXTS if not getattr(weights, name).strip()]
            if blank:
                model = f"{plugin}.{card.architecture}.{weights.tag}"
                yield Finding(
                    promise="complete", sentence=f"the card of {model} leaves out {_and(blank)}"
                )


def _faults(plugin: str, watched: _Watched, budget: Budget) -> Iterator[Finding]:
    if not watched.is_same:
        yield Finding(
            promise="described",
            sentence=f"plugin {plugin!r} describes itself differently the second time",
        )
    if watched.seconds > budget.describe_s:
        yield Finding(
            promise="quick",
            sentence=f"plugin {plugin!r} takes {watched.seconds:.1f} s to describe itself; "
            f"callers wait {budget.describe_s:g} s",
        )
    if watched.has_torch:
        yield Finding(
            promise="light",
            sentence=f"describing plugin {plugin!r} imports {HEAVY}; "
            "import it in the module that load() calls, where that can be done",
            is_warning=True,
        )


def _watch(plugin: str) -> _Watched:
    command = [sys.executable, "-P", "-m", __name__, plugin]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    _, _, text = ended.stdout.rpartition(_MARK)
    return _Watched(**json.loads(text))


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def main(name: str) -> None:
    """Describe the plugin twice and say what that took."""
    start = time.perf_counter()
    plugin = load_plugin(name)
    cards = check_cards(name, plugin.describe())
    seconds = time.perf_counter() - start
    has_torch = HEAVY in sys.modules
    is_same = check_cards(name, plugin.describe()) == cards
    watched = {"seconds": seconds, "has_torch": has_torch, "is_same": is_same}
    sys.stdout.write(_MARK + json.dumps(watched))


if __name__ == "__main__":
    main(*sys.argv[1:])
