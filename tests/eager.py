"""The shared service of the integration tests, and what only they ask of it."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from zoo.catalog import collections, features
from zoo.jobs.intake import Arrival, Delivery, submit_ingest
from zoo.jobs.specs import IngestSpec
from zoo.storage.packs import open_packs
from zoo.testing.asking import Files, Json
from zoo.testing.pictures import picture
from zoo.testing.service import ZooService

LITE0 = "lite.efficientnet_lite0.in1k"


class EagerService:
    """One `ZooService` that many tests share, with names and pictures that no other test uses."""

    def __init__(self, zoo: ZooService) -> None:
        self.client = zoo.client
        self.settings = zoo.settings
        self.context = zoo.context
        self.held = zoo.held
        self.relay = zoo.relay
        self._zoo = zoo
        self._numbers = itertools.count(1)

    def client_with(self, **changed: Any) -> FlaskClient:
        """A client of the same service under other settings."""
        return self._zoo.client_with(**changed)

    def fresh(self, kind: str) -> str:
        """A name that no other test uses."""
        return f"{kind}-{next(self._numbers)}"

    def pictures(self, n: int, *, kind: str = "JPEG") -> list[tuple[str, bytes]]:
        """Named pictures that no other test uses."""
        seeds = [next(self._numbers) for _ in range(n)]
        suffix = kind.lower()
        return [(f"p{seed}.{suffix}", picture(1000 + seed, kind=kind)) for seed in seeds]

    def collection(self, **more: str) -> str:
        """The address of a new collection."""
        name = self._zoo.collection(self.fresh("c"), **{"model": LITE0, **more})
        return f"/v1/collections/{name}"

    def dataset(self) -> str:
        """The name of a new dataset."""
        return self._zoo.dataset(self.fresh("d"))

    def send(self, url: str, files: Files, **headers: str) -> Json:
        """Send files as octet-stream parts to a collection or dataset; returns the job."""
        return self._zoo.send(f"{url}/items", files, **headers)

    def post_files(self, url: str, files: Files, **headers: str) -> TestResponse:
        """Send files as octet-stream parts named `files`."""
        return self._zoo.post_files(url, files, **headers)

    def ingested(self, n: int) -> tuple[str, dict[str, str]]:
        """A new collection of `n` pictures: its address, and item ids by name."""
        url = self.collection()
        self.send(url, self.pictures(n))
        return url, {row["name"]: row["id"] for row in self.rows(f"{url}/items")}

    def put_item(self, url: str, item_id: str, content: bytes) -> None:
        """Ingest one file under an id of the caller's, as sources that name ids do."""
        with open_packs(self.context.catalog, self.context.blobs, self.settings) as writer:
            arrival = Arrival(name="given", sha256=writer.add(content).sha256, item_id=item_id)
            written = writer.commit()
        name = url.rpartition("/")[2]
        with self.context.catalog.write() as session:
            found = collections.get_collection(session, name)
            assert found is not None
            submit_ingest(
                session,
                IngestSpec(collection=name),
                Delivery(arrivals=[arrival], packs=written.packs, contents=written.contents),
                work={
                    "collection_id": found.id,
                    "model": found.model,
                    "space_id": found.space_id,
                    "dim": found.dim,
                },
                settings=self.settings,
            )
        self.relay()

    def get(self, url: str) -> Json:
        """The answer to a GET that is expected to work."""
        return self._zoo.get(url)

    def rows(self, url: str) -> list[Json]:
        """All rows of a list that fits one page."""
        page = self.get(url)
        assert page["next_cursor"] is None
        return list(page["data"])

    def failures(self, job: Json) -> dict[str, tuple[str, str]]:
        """Code and sentence of each failed input of a job, by name."""
        rows = self.rows(f"/v1/jobs/{job['id']}/items?state=failed&limit=1000")
        return {row["name"]: (row["error"]["code"], row["error"]["detail"]) for row in rows}

    def search(self, url: str, **query: object) -> list[Json]:
        """The hits of a search that is expected to work."""
        return self._zoo.search(url.rpartition("/")[2], **query)

    def n_embeddings(self) -> int:
        """How many rows all segments of the feature store have: one a forward."""
        with self.context.catalog.read() as session:
            return sum(segment.n_rows for segment in features.list_segments(session))


def walk(get: Callable[[str], Json], url: str, *, limit: int = 1) -> Iterator[Mapping[str, Json]]:
    """All rows of a list, its cursors pasted into the address as they are."""
    joint = "&" if "?" in url else "?"
    page = get(f"{url}{joint}limit={limit}")
    yield from page["data"]
    while page["next_cursor"] is not None:
        page = get(f"{url}{joint}limit={limit}&cursor={page['next_cursor']}")
        yield from page["data"]
