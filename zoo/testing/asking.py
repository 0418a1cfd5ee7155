"""What tests ask a service for, in one call each; every answer is checked to be the wanted one."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zoo.errors import ZooError
from zoo.names import new_id
from zoo.testing import tiny
from zoo.testing.pictures import zipped

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

Json: TypeAlias = Any
"""What a test reads from an answer."""
Files: TypeAlias = Mapping[str, bytes] | Iterable[tuple[str, bytes]]
"""Contents by name; pairs where a name comes twice."""
OCTETS = "application/octet-stream"  # the service looks at the bytes


class RefusedError(ZooError):
    """The service did not answer as the call expected; `status` and `problem` say what it said."""

    code = "refused"

    def __init__(self, what: str, *, status: int, problem: Json) -> None:
        super().__init__(f"{what} was answered with {status}: {problem}")
        self.status = status
        self.problem = problem


class Asking:
    """One method for each thing that tests often want; `client` is there for all others.

    All raise `RefusedError` when the service refuses. Jobs have ended when they are returned.
    """

    client: FlaskClient

    def get(self, url: str) -> Json:
        """The JSON at an address."""
        return _body(self.client.get(url), f"GET {url}")

    def post_json(self, url: str, body: Json) -> Json:
        """The JSON that a JSON body is answered with."""
        return _body(self.client.post(url, json=body), f"POST {url}")

    def rows(self, url: str) -> list[Json]:
        """All rows of a list, page after page."""
        joint = "&" if "?" in url else "?"
        page = self.get(url)
        rows = list(page["data"])
        while page["next_cursor"] is not None:
            page = self.get(f"{url}{joint}cursor={page['next_cursor']}")
            rows += page["data"]
        return rows

    def job(self, job_id: str) -> Json:
        """A job as it stands."""
        return self.get(f"/v1/jobs/{job_id}")

    def plugins(self) -> dict[str, Json]:
        """The known plugins by name, each with its state and reason."""
        return {row["name"]: row for row in self.rows("/v1/plugins")}

    def models(self) -> list[str]:
        """The names of all models."""
        return [row["name"] for row in self.rows("/v1/models")]

    def collection(
        self, name: str | None = None, *, model: str = tiny.MODEL, **more: object
    ) -> str:
        """Make a collection, under a new name if none is given; returns the name."""
        name = name or new_id("collection")
        url = f"/v1/collections/{name}"
        _body(self.client.put(url, json={"model": model, **more}), f"PUT {url}")
        return name

    def ingest(self, collection: str, files: Files) -> Json:
        """Send files (archives are expanded) to a collection; returns the ended job."""
        return self.send(f"/v1/collections/{collection}/items", files)

    def ingest_texts(self, collection: str, *texts: str | Mapping[str, object]) -> Json:
        """Send texts, or members of the JSON body with more of them; returns the ended job."""
        url = f"/v1/collections/{collection}/items"
        sent = [{"text": one} if isinstance(one, str) else dict(one) for one in texts]
        return self._ended(_body(self.client.post(url, json={"items": sent}), f"POST {url}"))

    def text(self, collection: str, item_id: str) -> str:
        """The text of an item."""
        url = f"/v1/collections/{collection}/items/{item_id}/text"
        answer = self.client.get(url)
        if answer.status_code != HTTPStatus.OK:
            _body(answer, f"GET {url}")
        return answer.text

    def items(self, collection: str) -> list[Json]:
        """All items of a collection."""
        return self.rows(f"/v1/collections/{collection}/items?limit=1000")

    def search(
        self, collection: str, image: bytes | str | None = None, **query: object
    ) -> list[Json]:
        """The hits for a picture, or for `text=`, `item_id=`, ...; `k=`, `filter=` as in JSON.

        A picture is given by its bytes, or by a data URI.
        """
        url = f"/v1/collections/{collection}/search"
        if image is not None:
            query["image"] = image if isinstance(image, str) else data_uri(image)
        return list(_body(self.client.post(url, json=query), f"POST {url}")["hits"])

    def dataset(self, name: str | None = None) -> str:
        """Make a dataset, under a new name if none is given; returns the name."""
        name = name or new_id("dataset")
        url = f"/v1/datasets/{name}"
        _body(self.client.put(url, json={}), f"PUT {url}")
        return name

    def add_labelled(self, dataset: str, files: Mapping[str, bytes]) -> Json:
        """Send `label/name` files to a dataset as one zip; returns the ended job."""
        url = f"/v1/datasets/{dataset}/items"
        sent = self.client.post(url, data=zipped(files), content_type="application/zip")
        return self._ended(_body(sent, f"POST {url}"))

    def fine_tune(
        self, dataset: str, *, name: str, model: str = tiny.MODEL, **spec: object
    ) -> Json:
        """Train `name` on a dataset; returns the ended job."""
        asked = {"dataset": dataset, "model": model, "name": name, **spec}
        sent = self.client.post("/v1/jobs", json={"type": "fine_tune", "spec": asked})
        return self._ended(_body(sent, "POST /v1/jobs"))

    def classify(self, model: str, *images: bytes, top_k: int = 5) -> list[list[Json]]:
        """For each picture its labels with their probabilities, best first."""
        asked = {"model": model, "input": [data_uri(image) for image in images], "top_k": top_k}
        body = _body(self.client.post("/v1/classify", json=asked), "POST /v1/classify")
        return [row["labels"] for row in body["data"]]

    def embed(self, model: str, *images: bytes) -> npt.NDArray[np.float32]:
        """Embeddings `(n, dim)` of pictures."""
        asked = {"model": model, "input": [data_uri(image) for image in images]}
        body = _body(self.client.post("/v1/embeddings", json=asked), "POST /v1/embeddings")
        return np.array([row["embedding"] for row in body["data"]], np.float32)

    def embed_texts(self, model: str, *texts: str) -> npt.NDArray[np.float32]:
        """Embeddings `(n, dim)` of texts."""
        asked = {"model": model, "input": list(texts)}
        body = _body(self.client.post("/v1/embeddings", json=asked), "POST /v1/embeddings")
        return np.array([row["embedding"] for row in body["data"]], np.float32)

    def send(self, url: str, files: Files, **headers: str) -> Json:
        """Send files to an address that takes them; returns the ended job."""
        return self._ended(_body(self.post_files(url, files, **headers), f"POST {url}"))

    def post_files(self, url: str, files: Files, **headers: str) -> TestResponse:
        """Send files as octet-stream parts named `files`; any answer is fine."""
        pairs = files.items() if isinstance(files, Mapping) else files
        parts = [(io.BytesIO(content), name, OCTETS) for name, content in pairs]
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.client.post(url, data={"files": parts}, headers=named)

    def _ended(self, job: Json) -> Json:
        return self.job(job["id"])


def data_uri(content: bytes) -> str:
    """Bytes as a data URI, as JSON bodies carry pictures."""
    return f"data:{OCTETS};base64,{base64.b64encode(content).decode()}"


def _body(answer: TestResponse, what: str) -> Json:
    body = answer.get_json(silent=True)
    if not 200 <= answer.status_code < 300:
        raise RefusedError(what, status=answer.status_code, problem=body)
    return body
