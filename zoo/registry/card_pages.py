"""A model card as one page of Markdown, with the metadata that Hugging Face reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from zoo.registry.markdown import bullets, escape, pairs, shown, table
from zoo.registry.model_cards import ModelCard, Results, TrainedOn

LICENSES = frozenset(
    {"apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-sa-4.0",
     "cc0-1.0", "gpl-3.0", "mit", "openrail"}
)  # fmt: skip
"""Those that Hugging Face knows by these words; another is `other` with a name."""

USE = """\
```sh
curl -s "$ZOO/v1/classify" -F model={name} -F image=@picture.jpg
```"""


def card_page(card: ModelCard) -> str:
    """The whole page; names and labels in it are text, never markup."""
    use = [USE.format(name=card["model_name"])]
    sections = {
        "Intended use": [
            escape(card["direct_use"]),
            f"Not for: {escape(card['out_of_scope_use'])}",
        ],
        "How to use it": use if card["pipeline_tag"] == "image-classification" else [],
        "Warnings": bullets(card["warnings"]),
        "Limitations": bullets(card["limitations"]),
        "Results": list(_results(card["results"])),
        "Training data": list(_trained_on(card["training_data"])),
        "Training": list(_training(card["training"])),
        "Lineage": pairs(card["lineage"]),
    }
    parts = [_front_matter(card), f"# {card['model_name']}", escape(card["description"])]
    for title, paragraphs in sections.items():
        parts += [f"## {title}", *paragraphs] if paragraphs else []
    return "\n\n".join(parts) + "\n"


def _front_matter(card: ModelCard) -> str:
    """YAML, with each value as JSON: YAML takes it whatever stands in it."""
    fields: dict[str, object] = {
        "model_name": card["model_name"],
        "library_name": card["library_name"],
        "pipeline_tag": card["pipeline_tag"],
        "base_model": card["base_model"],
        **_license(card["license"]),
        "datasets": [name for name in [card["training_data"]["dataset"]] if name],
        "metrics": ["accuracy"],
    }
    lines = [f"{name}: {json.dumps(value)}" for name, value in fields.items()]
    return "\n".join(["---", *lines, "---"])


def _license(given: str | None) -> dict[str, object]:
    if given is None:
        return {"license": "unknown"}
    known = given.lower()
    return {"license": known} if known in LICENSES else {"license": "other", "license_name": given}


def _results(results: Results) -> Iterator[str]:
    figures = {name: value for name, value in results["metrics"].items() if "interval" not in name}
    yield from table(
        ["figure", "value"],
        [[name, _with_interval(results["metrics"], name)] for name in figures],
    )
    yield from table(
        ["calibration", "value"],
        [[name, shown(value)] for name, value in results["calibration"].items() if value != ""],
    )
    yield from table(
        ["label", "examples", "precision", "recall", "F1"],
        [[one["label"], one["support"], *_of_class(one)] for one in results["classes"]],
    )
    yield from table(
        ["slice", "examples", "accuracy"],
        [
            [f"{one['field']} = {one['value']}", one["n"], _with_interval(one, "accuracy")]
            for one in results["slices"]
        ],
    )


def _trained_on(given: TrainedOn) -> Iterator[str]:
    named = {name: given[name] for name in ("dataset", "version", "digest", "splits")}
    yield from pairs({name: value for name, value in named.items() if value})
    yield from table(
        ["label", "train", "validation", "test"],
        [
            [one["label"], one["train"], one["validation"], one["test"]]
            for one in given["examples"]
        ],
    )


def _training(given: Mapping[str, Any]) -> Iterator[str]:
    """Figures as a list; epochs and what was compared, a row each, as tables."""
    tables = {name: value for name, value in given.items() if _has_rows(value)}
    yield from pairs({name: value for name, value in given.items() if name not in tables})
    for name, rows in tables.items():
        head = list(rows[0])
        yield f"{escape(name)}:"
        yield from table(
            [escape(one) for one in head], [[shown(row.get(one)) for one in head] for row in rows]
        )


def _has_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _of_class(one: Mapping[str, Any]) -> list[str]:
    return [_with_interval(one, name) for name in ("precision", "recall", "f1")]


def _with_interval(figures: Mapping[str, Any], name: str) -> str:
    """A share with its interval behind it, where it has both."""
    value, interval = figures[name], figures.get(f"{name}_interval")
    if value is None:
        return "none"
    return shown(value) if interval is None else f"{shown(value)} [{shown(interval)}]"
