"""What the catalog's rows say of themselves and of one another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial

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
        repair = cache(partial(embed_missing, home))  # mends all of them at once
        for name, item_id in soundness.items_without_vector(session):
            sentence = f"item {item_id} of collection {name!r} has no embedding"
            yield Problem(sentence=sentence, repair=repair)
