"""Whether a backbone that was tuned here knows the pictures that it is to be judged by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from zoo.catalog import Session, models
from zoo.registry.lineage import ancestors
from zoo.registry.models import is_own, resolve_version
from zoo.space import split_precision
from zoo.training.known import are_packed
from zoo.training.splits import Splits
from zoo_workers.context import Context
from zoo_workers.trials import Ground


def known_to(context: Context, backbone: str, sha256s: Sequence[str]) -> list[bool]:
    """Of each content whether the backbone, or one that it comes from, was trained on it here."""
    known = np.zeros(len(sha256s), np.bool_)
    for _, packed in _networks(context, backbone):
        known |= are_packed(sha256s, packed)
    return known.tolist()


def knowledge_warnings(ground: Ground) -> list[str]:
    """A sentence for each network of the backbone's lineage that was trained on such pictures."""
    sides = ground.arranged.splits
    networks = _networks(ground.context, str(ground.claim.job.work["backbone"]))
    told = (_sentence(name, packed, ground.sha256s, sides) for name, packed in networks)
    return [one for one in told if one is not None]


def _networks(context: Context, backbone: str) -> list[tuple[str, bytes]]:
    if not is_own(backbone):
        return []
    with context.catalog.read() as session:
        return list(_trained_on(session, backbone))


def _trained_on(session: Session, backbone: str) -> Iterator[tuple[str, bytes]]:
    """What each tuned network was trained on, from the backbone down to where it comes from."""
    version = resolve_version(session, split_precision(backbone)[0])
    for one in ancestors(session, version):
        packed = one.version and models.get_trained_on(session, one.version)
        if packed:
            yield one.name, packed


def _sentence(name: str, packed: bytes, sha256s: Sequence[str], sides: Splits) -> str | None:
    n_test, n_validation = (
        int(are_packed([sha256s[place] for place in side], packed).sum())
        for side in (sides.test, sides.validation)
    )
    if not n_test + n_validation:
        return None
    return (
        f"{name} was trained on {n_test} of the {len(sides.test)} test examples and on "
        f"{n_validation} of the {len(sides.validation)} validation examples, which flatters the "
        "figures; give what it was trained on the split train, or take the dataset version, seed, "
        "splits and near_duplicates of its lineage"
    )
