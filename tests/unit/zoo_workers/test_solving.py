"""What fitting a head came to is found once, to the bit, where it took long."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from tests.workplace import Workplace
from zoo.jobs.ledger import Claim
from zoo.training.once import Arrays
from zoo_workers.kept import Kept
from zoo_workers.solving import Solving


def solving_of(place: Workplace, claim: Claim, kept: Kept, *, every_s: float) -> Solving:
    settings = replace(place.context.settings, checkpoint_every_s=every_s)
    return Solving(replace(place.context, settings=settings), claim, kept, strategy="full")


def drawn() -> Callable[[], Arrays]:
    """Gives something else each time."""
    generator = np.random.default_rng(0)
    return lambda: {"logits": generator.standard_normal((3, 2)), "l2": np.array(0.1)}


def test_what_took_long_is_found_once_and_by_its_name(place: Workplace) -> None:
    claim, find = place.claim_training(), drawn()
    kept = Kept(place.context, claim)
    solve = solving_of(place, claim, kept, every_s=0)
    first, other = solve("fold_0", find), solve("fold_1", find)
    again = solve("fold_0", find)
    assert again["logits"].tobytes() == first["logits"].tobytes() != other["logits"].tobytes()
    assert float(again["l2"]) == 0.1
    assert len(list(place.context.blobs.keys("checkpoints/"))) == 2


def test_what_took_a_moment_is_not_kept(place: Workplace) -> None:
    claim = place.claim_training()
    solving_of(place, claim, Kept(place.context, claim), every_s=30)("head", drawn())
    assert list(place.context.blobs.keys("checkpoints/")) == []


def test_what_another_network_came_to_is_not_believed(place: Workplace) -> None:
    claim, find = place.claim_training(), drawn()
    kept = Kept(place.context, claim)
    for content in (b"one", b"other"):
        kept.keep_network("full", kept.store("versions", partial(Path.write_bytes, data=content)))
        solving_of(place, claim, kept, every_s=0)("head", find)
        assert len(list(place.context.blobs.keys("checkpoints/"))) == 1
