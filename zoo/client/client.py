"""The client: one method for each thing that the command line asks the service for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from zoo.client import answers
from zoo.client.answers import (
    Classification,
    Collection,
    Dataset,
    FailedInput,
    Job,
    Json,
    Model,
    Plugin,
    SearchAnswer,
)
from zoo.client.http import ClientError, Http, at
from zoo.client.uploads import Source, Upload, batches
from zoo.errors import InvalidError, UnavailableError

UNKNOWN_TYPE = "application/octet-stream"  # the service looks at the bytes
POLL_S = 0.1
SLOWEST_POLL_S = 1.0
MOST = 100_000
TOO_BUSY = 429
PASSING = (TOO_BUSY, 502, 503, 504)
AWAY_S = 60.0
"""How long a service may be away while a job is waited for: it may be starting again."""


class Client:
    """A connection to one service; a context manager.

    `key` is its API key, where it asks for one; by default what `ZOO_KEY` says.

    Every method raises `ClientError` for what the service refuses and `UnavailableError` when
    none answers.
    """

    def __init__(self, url: str, *, timeout_s: float = 120.0, key: str | None = None) -> None:
        self.url = url.rstrip("/")
        key = os.environ.get("ZOO_KEY", "") if key is None else key
        self._http = Http(url, timeout_s=timeout_s, key=key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def is_ready(self) -> bool:
        """Whether the service takes requests."""
        try:
            self._http.ask("GET", "/readyz")
        except (ClientError, UnavailableError):
            return False
        return True

    def models(self, *, kind: str | None = None) -> tuple[Model, ...]:
        """Every model; `kind` is `backbone` or `tuned`."""
        params = {"kind": kind} if kind else {}
        body = self._http.ask("GET", "/v1/models", params=params)
        return tuple(map(answers.read_model, body["data"]))

    def model(self, name: str) -> Model:
        """One model; a backbone is built for it, if it was not yet."""
        return answers.read_model(self._http.ask("GET", at("models", name)))

    def plugins(self) -> tuple[Plugin, ...]:
        """Every installed plugin."""
        body = self._http.ask("GET", "/v1/plugins")
        return tuple(map(answers.read_plugin, body["data"]))

    def refresh_plugins(self, names: Sequence[str] = ()) -> Job:
        """Have the service look for new plugins; those named are described anew."""
        body = self._http.ask("POST", "/v1/plugins/refresh", json={"plugins": list(names)})
        return answers.read_job(body)

    def set_alias(self, model: str, alias: str, *, version: int) -> None:
        """Let `model@alias` name a version."""
        path = at("models", model, "aliases", alias)
        self._http.ask("PUT", path, json={"version": version})

    def classify(self, model: str, images: Sequence[bytes], *, top_k: int = 5) -> Classification:
        """The most probable labels of each picture."""
        files = [("files", (f"{n}", image, UNKNOWN_TYPE)) for n, image in enumerate(images)]
        form = {"model": model, "top_k": str(top_k)}
        body = self._http.ask("POST", "/v1/classify", data=form, files=files)
        return answers.read_classification(body)

    def put_collection(self, name: str, *, model: str, metric: str = "cosine") -> Collection:
        """Create a collection, or find the one that is there."""
        wanted = {"model": model, "metric": metric}
        return answers.read_collection(self._http.ask("PUT", at("collections", name), json=wanted))

    def delete_collection(self, name: str) -> None:
        """Delete a collection with its items, if it is there; embeddings are kept."""
        try:
            self._http.ask("DELETE", at("collections", name))
        except ClientError as error:
            if error.code != "unknown_collection":
                raise

    def add_files(self, collection: str, uploads: Iterable[Upload]) -> Iterator[Job]:
        """Send files (archives among them are unpacked there), one job for each request."""
        for batch in batches(uploads):
            yield self._send(at("collections", collection, "items"), batch)

    def add_source(self, collection: str, source: Source) -> Job:
        """Have the service read a folder, a manifest or an archive by itself."""
        path = at("collections", collection, "items")
        return answers.read_job(self._http.ask("POST", path, json={"source": source.as_json()}))

    def preview_source(self, source: Source, *, collection: str | None = None) -> Json:
        """What a source holds and would cost, as the service answers it."""
        wanted = {"source": source.as_json(), "collection": collection}
        return self._http.ask("POST", "/v1/sources/preview", json=wanted)

    def search_image(self, collection: str, image: bytes, *, k: int = 10) -> SearchAnswer:
        """The items nearest to a picture."""
        body = self._http.ask(
            "POST",
            at("collections", collection, "search"),
            data={"k": str(k)},
            files={"image": ("query", image, UNKNOWN_TYPE)},
        )
        return answers.read_search(body)

    def search_text(self, collection: str, text: str, *, k: int = 10) -> SearchAnswer:
        """The items nearest to a text, where the collection's model takes texts."""
        path = at("collections", collection, "search")
        return answers.read_search(self._http.ask("POST", path, json={"text": text, "k": k}))

    def put_dataset(self, name: str) -> Dataset:
        """Create a dataset, or find the one that is there."""
        return answers.read_dataset(self._http.ask("PUT", at("datasets", name), json={}))

    def add_archive(self, dataset: str, archive: Path) -> Job:
        """Send a zip or tar whose top folders are the labels, or a table, to a dataset."""
        uploads = (Upload(path=archive, name=archive.name),)
        return self._send(at("datasets", dataset, "items"), uploads)

    def datasets(self) -> tuple[Json, ...]:
        """Every dataset, as the service answers it."""
        return tuple(self._http.rows("/v1/datasets", limit=MOST))

    def validation(self, dataset: str, *, version: int | None = None) -> Json:
        """What is wrong with a version of a dataset, the newest unless it is named."""
        path = at("datasets", dataset)
        number = version or self._http.ask("GET", path).get("version")
        if not number:
            raise InvalidError(
                f"the dataset {dataset!r} has no version yet; send examples to it",
                code="unknown_version",
            )
        return self._http.ask("GET", f"{path}/versions/{number}/validation")

    def versions(self, model: str) -> tuple[Json, ...]:
        """The versions of a model of one's own, as the service answers them."""
        return tuple(self._http.rows(at("models", model, "versions"), limit=MOST))

    def report(self, model: str, version: int) -> Json:
        """How good a version is, as the service answers it."""
        return self._http.ask("GET", at("models", model, "versions", f"{version}", "report"))

    def submit(self, job_type: str, spec: Json) -> Job:
        """Ask for a job."""
        body = self._http.ask("POST", "/v1/jobs", json={"type": job_type, "spec": dict(spec)})
        return answers.read_job(body)

    def job(self, job_id: str) -> Job:
        """A job as it stands."""
        return answers.read_job(self._http.ask("GET", at("jobs", job_id)))

    def jobs(
        self, *, job_type: str | None = None, state: str | None = None, limit: int = 20
    ) -> tuple[Job, ...]:
        """Jobs in the service's order."""
        rows = self._http.rows("/v1/jobs", limit=limit, type=job_type, state=state)
        return tuple(map(answers.read_job, rows))

    def failed_inputs(self, job_id: str) -> tuple[FailedInput, ...]:
        """The files of a job that could not be used."""
        rows = self._http.rows(at("jobs", job_id, "items"), limit=MOST, state="failed")
        return tuple(map(answers.read_failed_input, rows))

    def wait(self, job: Job, *, on_progress: Callable[[Job], None] | None = None) -> Job:
        """Poll a job until it has ended, well or not; `on_progress` sees each state of it.

        A service that is away meanwhile is waited for, a minute at most.
        """
        pause_s = POLL_S
        while True:
            if on_progress:
                on_progress(job)
            if job.is_finished:
                return job
            time.sleep(pause_s)
            pause_s = min(SLOWEST_POLL_S, pause_s * 1.2)
            job = self._job_once_there(job.id)

    def _job_once_there(self, job_id: str) -> Job:
        deadline = time.monotonic() + AWAY_S
        while True:
            try:
                return self.job(job_id)
            except (ClientError, UnavailableError) as error:
                is_passing = not isinstance(error, ClientError) or error.status in PASSING
                if not is_passing or time.monotonic() > deadline:
                    raise
                time.sleep(SLOWEST_POLL_S)

    def _send(self, path: str, uploads: Sequence[Upload]) -> Job:
        """One multipart request; while the service has too much queued, wait as it asks."""
        while True:
            try:
                return answers.read_job(self._send_once(path, uploads))
            except ClientError as error:
                if error.status != TOO_BUSY:
                    raise
                time.sleep(error.retry_after_s or 1)

    def _send_once(self, path: str, uploads: Sequence[Upload]) -> Json:
        with ExitStack() as stack:
            files = [
                ("files", (one.name, stack.enter_context(one.open()), UNKNOWN_TYPE))
                for one in uploads
            ]
            return self._http.ask("POST", path, files=files)
