"""What the catalog's rows say of themselves and of one another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from zoo.catalog import soundness
from zoo.fsck.problems import OpenHome, Problem
from zoo.fsck.remaking import embed_missing


def unsound_rows(home: OpenHome) -> Iterator[Problem]:
    """Rows that the database finds damaged, or that lead nowhere."""
    with home.catalog.read() as session:
        soundness.take_time(session)
        for problem in soundness.integrity_problems(session):
            yield Problem(sentence=f"the database is damaged: {problem}")
        for key, sha256 in soundness.features_beyond_segment(session):
            yield Problem(sentence=f"the embedding of content {sha256} lies past the end of {key}")
        for name, item_id in soundness.items_without_vector(session):
            yield Problem(
                sentence=f"item {item_id} of collection {name!r} has no embedding",
                repair=partial(embed_missing, home),
            )
