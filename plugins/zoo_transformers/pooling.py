"""How one vector is made of the vectors of a text's tokens, as sentence-transformers writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from zoo_transformers.reading import UnusableError, read_json, read_optional

Mode: TypeAlias = Literal["mean", "cls", "max"]
_MODULES = "modules.json"
_PREFIX = "pooling_mode_"
_SPELLINGS = {"mean_tokens": "mean", "cls_token": "cls", "max_tokens": "max"}
_KNOWN = ("Transformer", "Pooling", "Normalize", "Dropout")


@dataclass(frozen=True, kw_only=True)
class Pooling:
    """What becomes of the tokens' vectors; plain encoders are averaged."""

    mode: Mode = "mean"
    is_normalised: bool = False  # to length 1

    def __str__(self) -> str:
        return f"{self.mode}, normalised" if self.is_normalised else self.mode


def read_pooling(folder: Path) -> Pooling:
    """What a folder's `modules.json` says; raises `UnusableError` for what is not known."""
    if not (folder / _MODULES).is_file():
        return Pooling()
    modules = _modules(folder)
    strange = [kind for kind, _ in modules if kind not in _KNOWN]
    if strange:
        raise UnusableError(
            f"{_MODULES} names a module {strange[0]!r}; known are {', '.join(_KNOWN)}"
        )
    found = [_mode(folder / path / "config.json") for kind, path in modules if kind == "Pooling"]
    if len(found) > 1:
        raise UnusableError(f"{_MODULES} pools {len(found)} times; it should be once")
    is_normalised = any(kind == "Normalize" for kind, _ in modules)
    return Pooling(mode=found[0] if found else "mean", is_normalised=is_normalised)


def _modules(folder: Path) -> list[tuple[str, str]]:
    """The kind of each module and the folder that it is configured in."""
    listed = read_json(folder / _MODULES)
    try:
        return [
            (str(one["type"]).rpartition(".")[2], str(one["path"]))
            for one in listed  # type: ignore[attr-defined]  # that is what is tried here
        ]
    except (TypeError, KeyError) as error:
        raise UnusableError(f"{_MODULES} is not a list of modules: {error!r}") from error


def _mode(path: Path) -> Mode:
    config = read_optional(path)
    named = config.get("pooling_mode") or _flagged(config)
    for mode in get_args(Mode):
        if named in (mode, [mode]):
            known: Mode = mode
            return known
    raise UnusableError(f"it pools by {named!r}; known are {', '.join(get_args(Mode))}")


def _flagged(config: Mapping[str, Any]) -> list[str]:
    """The modes that the older spelling, a flag for each, switches on."""
    names = [
        name.removeprefix(_PREFIX)
        for name, is_on in config.items()
        if name.startswith(_PREFIX) and is_on
    ]
    return [_SPELLINGS.get(name, name) for name in names]
