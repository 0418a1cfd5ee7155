"""The whole service in one process: HTTP in, eager Celery, a real predictor without a socket."""

import contextlib
import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import httpx
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import zoo_migrations
from tests.pictures import picture
from zoo.catalog import collections, features
from zoo.catalog.records import ContentRecord
from zoo.inference.predictor import PredictorApp, create_predictor
from zoo.jobs.doorbell import Doorbell, make_celery
from zoo.jobs.expectation import expect_plugins
from zoo.jobs.intake import Arrival, Delivery, submit_ingest
from zoo.jobs.keeper import Keeper
from zoo.jobs.specs import IngestSpec
from zoo.predictor import Predictor
from zoo.search.collection import Searches
from zoo.settings import Settings
from zoo.storage.packs import PackWriter
from zoo_api.app import create_app
from zoo_api.services import Services
from zoo_workers.context import make_context
from zoo_workers.tasks import register

LITE0 = "lite.efficientnet_lite0.in1k"
Json = Any  # what a test reads from an answer
Files = Sequence[tuple[str, bytes]]


class EagerService:
    """A service whose work is done before the request that asked for it is answered."""

    def __init__(self, settings: Settings) -> None:
        zoo_migrations.upgrade(settings.resolved_database_url)
        self.settings = settings
        self.context = make_context(settings, "worker_eager")
        self.predictor_app: PredictorApp = create_predictor(settings)
        self.predictor = Predictor(
            "http://predictor",
            timeout_s=60,
            transport=httpx.WSGITransport(app=self.predictor_app),
        )
        celery = make_celery(settings, is_eager=True)
        register(celery, lambda: self.context)
        catalog = self.context.catalog
        self.keeper = Keeper(catalog, settings, ring=Doorbell(celery).ring)
        self._numbers = itertools.count(1)
        self._is_held = False
        self.services = Services(
            settings=settings,
            catalog=catalog,
            blobs=self.context.blobs,
            predictor=self.predictor,
            searches=Searches(catalog, self.context.blobs),
            after_commit=self._relay,
        )
        self.client = self.client_with()
        expect_plugins(catalog)
        self.relay()

    def client_with(self, **changed: Any) -> FlaskClient:
        """A client of the same service under other settings."""
        settings = replace(self.settings, **changed)
        services = replace(self.services, settings=settings)
        return create_app(settings, services=services).test_client()

    def close(self) -> None:
        """End what was started."""
        self.context.sandbox.close()
        self.predictor.close()
        self.predictor_app.close()
        self.context.catalog.close()

    def relay(self) -> None:
        """Publish wake-ups, and with eager Celery do the work, until nothing waits."""
        while self.keeper.relay():
            continue

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Leave queued what is asked for meanwhile; it runs with the next `relay`."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False

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
        url = f"/v1/collections/{self.fresh('c')}"
        answer = self.client.put(url, json={"model": LITE0, **more})
        assert answer.status_code == 201, answer.get_json()
        return url

    def dataset(self) -> str:
        """The name of a new dataset."""
        name = self.fresh("d")
        assert self.client.put(f"/v1/datasets/{name}", json={}).status_code == 201
        return name

    def send(self, url: str, files: Files, **headers: str) -> Json:
        """Send files as octet-stream parts to a collection or dataset; returns the job."""
        answer = self.post_files(f"{url}/items", files, **headers)
        assert answer.status_code == 202, answer.get_json()
        return answer.get_json()

    def post_files(self, url: str, files: Files, **headers: str) -> TestResponse:
        """Send files as octet-stream parts named `files`."""
        parts = [
            (io.BytesIO(content), name, "application/octet-stream") for name, content in files
        ]
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.client.post(url, data={"files": parts}, headers=named)

    def ingested(self, n: int) -> tuple[str, dict[str, str]]:
        """A new collection of `n` pictures: its address, and item ids by name."""
        url = self.collection()
        self.send(url, self.pictures(n))
        return url, {row["name"]: row["id"] for row in self.rows(f"{url}/items")}

    def put_item(self, url: str, item_id: str, content: bytes) -> None:
        """Ingest one file under an id of the caller's, as sources that name ids do."""
        spool = self.settings.home / "tmp"
        with PackWriter(self.context.blobs, spool=spool, pack_bytes=1 << 20) as writer:
            packed = writer.add(content)
            packs = {pack.key: pack.size_bytes for pack in writer.commit()}
        stored = ContentRecord(**asdict(packed), width=None, height=None)
        arrival = Arrival(name="given", content=stored, item_id=item_id)
        name = url.rpartition("/")[2]
        with self.context.catalog.write() as session:
            found = collections.get_collection(session, name)
            assert found is not None
            submit_ingest(
                session,
                IngestSpec(collection=name),
                Delivery(arrivals=[arrival], packs=packs),
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
        answer = self.client.get(url)
        assert answer.status_code == 200, answer.get_json()
        return answer.get_json()

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
        answer = self.client.post(f"{url}/search", json=query)
        assert answer.status_code == 200, answer.get_json()
        return list(answer.get_json()["hits"])

    def n_embeddings(self) -> int:
        """How many rows all segments of the feature store have: one a forward."""
        with self.context.catalog.read() as session:
            return sum(segment.n_rows for segment in features.list_segments(session))

    def _relay(self) -> None:
        if not self._is_held:
            self.relay()


def walk(get: Callable[[str], Json], url: str, *, limit: int = 1) -> Iterator[Mapping[str, Json]]:
    """All rows of a list, its cursors pasted into the address as they are."""
    joint = "&" if "?" in url else "?"
    page = get(f"{url}{joint}limit={limit}")
    yield from page["data"]
    while page["next_cursor"] is not None:
        page = get(f"{url}{joint}limit={limit}&cursor={page['next_cursor']}")
        yield from page["data"]
