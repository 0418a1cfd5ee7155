"""What has to hold after any fault; one checker for all of them."""

import re
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.faults.stranger import LIVE, Json, Stranger
from tests.faults.workloads import Asked
from zoo.catalog import collections, open_unpooled
from zoo.features.store import read_vectors
from zoo.fsck import check_home, count_leftovers, repair_home
from zoo.settings import Settings
from zoo.storage.blobs import open_blobs
from zoo.storage.segments import SegmentReader

Oracle = Mapping[str, NDArray[np.float32]]
"""The one right vector of each content, by sha256."""

GLOSSARY = Path(__file__).resolve().parents[2] / "GLOSSARY.md"
QUERIES = 5
ROUNDING = 1e-5


@dataclass(frozen=True, kw_only=True)
class Checker:
    """Holds a service, spoken to as a stranger, against what was asked of it."""

    settings: Settings
    oracle: Oracle
    may_fail: bool = False  # where a fault happens every time: then with a code and a sentence
    rounding: float = 0.0  # by how much a vector may miss the oracle's; 0: the same to the bit

    def check(self, asked: Asked) -> None:
        """Fail with what does not hold; the service answers meanwhile."""
        jobs = [asked.stranger.get(f"/v1/jobs/{job_id}") for job_id in asked.stranger.accepted]
        for job in jobs:
            self._check_end(job, is_retried=job["id"] in (asked.stranger.retried or {}))
            self._check_inputs(asked.stranger, job)
        if not self.may_fail:
            for name, given in asked.collections.items():
                self._check_items(asked.stranger, name, given)
            for name, n_versions in asked.models.items():
                page = asked.stranger.get(f"/v1/models/{name}/versions")
                assert [row["version"] for row in page["data"]] == [*range(1, n_versions + 1)]
        for name in asked.collections:
            self._check_vectors(asked.stranger, name)
            self._check_search(asked.stranger, name)
        assert check_home(self.settings) == []

    def check_repaired(self) -> None:
        """Nothing is left behind once the home was mended; nobody may be using it."""
        repair_home(self.settings)
        assert count_leftovers(self.settings) == 0
        assert check_home(self.settings) == []

    def _check_end(self, job: Json, *, is_retried: bool) -> None:
        assert job["state"] not in LIVE, job
        if not self.may_fail and not is_retried:
            assert job["state"] == "succeeded", job
        if job["state"] == "failed":
            assert_explained(job["error"])

    def _check_inputs(self, stranger: Stranger, job: Json) -> None:
        rows = list(stranger.rows(f"/v1/jobs/{job['id']}/items?limit=1000"))
        for row in rows:
            if row["state"] == "failed":
                assert_explained(row["error"])
        if job["type"] == "ingest" and job["state"] == "succeeded":
            counted = Counter(row["state"] for row in rows)
            result = {state: job["result"][state] for state in ("embedded", "reused", "failed")}
            assert {state: counted[state] for state in result} == result, job

    def _check_items(self, stranger: Stranger, name: str, given: list[tuple[str, bytes]]) -> None:
        rows = stranger.rows(f"/v1/collections/{name}/items?limit=1000")
        found = Counter((row["name"], row["sha256"]) for row in rows)
        wanted = Counter((file, sha256(content).hexdigest()) for file, content in given)
        assert (wanted - found, found - wanted) == (Counter(), Counter()), name

    def _check_vectors(self, stranger: Stranger, name: str) -> None:
        for content, vector in vectors_of(stranger, name, self.settings).items():
            expected = self.oracle[content]
            is_right = (
                np.allclose(vector, expected, rtol=0, atol=self.rounding)
                if self.rounding
                else vector.tobytes() == expected.tobytes()
            )
            assert is_right, f"{content} of {name}"

    def _check_search(self, stranger: Stranger, name: str) -> None:
        """What is found, and how near, is what comparing with every vector gives."""
        rows = list(stranger.rows(f"/v1/collections/{name}/items?limit=1000"))
        vectors = vectors_of(stranger, name, self.settings)
        for query in rows[:: max(1, len(rows) // QUERIES)]:
            asked = {"item_id": query["id"], "k": 1000}
            hits = stranger.post(f"/v1/collections/{name}/search", asked)["hits"]
            scores = {row["id"]: cosine(vectors, query, row) for row in rows}
            best = sorted(scores.values(), reverse=True)[:1000]
            found = [hit["score"] for hit in hits]
            assert len(found) == len(best)
            assert np.allclose(found, best, atol=ROUNDING)
            assert np.allclose(found, [scores[hit["item_id"]] for hit in hits], atol=ROUNDING)


def vectors_of(stranger: Stranger, name: str, settings: Settings) -> Oracle:
    """The vectors of record of a collection's items, by content."""
    rows = stranger.rows(f"/v1/collections/{name}/items?limit=1000")
    contents = sorted({row["sha256"] for row in rows})
    with closing(open_unpooled(settings.resolved_database_url)) as catalog:
        with catalog.read() as session:
            collection = collections.get_collection(session, name)
        assert collection is not None
        found = read_vectors(
            catalog,
            SegmentReader(open_blobs(settings)),
            space_id=collection.space_id,
            sha256s=contents,
        )
    return dict(zip(contents, found, strict=True))


def assert_explained(error: Json) -> None:
    """A code of the closed list and a sentence."""
    known = set(re.findall(r"^\| `(\w+)` \|", GLOSSARY.read_text(), re.MULTILINE))
    assert error["code"] in known - {"internal_error"}, error
    assert len(error["detail"]) > 10, error


def cosine(vectors: Oracle, first: Json, second: Json) -> float:
    """How near two items are to each other."""
    one = vectors[first["sha256"]].astype(np.float64)
    other = vectors[second["sha256"]].astype(np.float64)
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))
