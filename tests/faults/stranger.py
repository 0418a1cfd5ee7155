"""A caller who knows the REST API alone, and asks again when the answer does not come."""

import time
import uuid
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import httpx

Json = Any  # what an answer holds
LIVE = ("queued", "running", "cancelling")
PATIENCE_S = 90.0
PAUSE_S = 0.05


class LostError(AssertionError):
    """What had to come did not, however long one waited."""


class Stranger:
    """Repeats what fails under its `Idempotency-Key`; `accepted` are the jobs it was given."""

    def __init__(
        self,
        client: httpx.Client,
        *,
        meanwhile: Callable[[], None] = lambda: None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._client = client
        self._meanwhile = meanwhile
        self._patience_s = patience_s
        self.accepted: list[str] = []
        self.retried: dict[str, str] | None = None  # old job -> new, where processes die often
        self.refusals: list[Json] = []  # problems of 500 and more, which were asked again

    def put(self, path: str, body: Json) -> Json:
        """PUT JSON."""
        return self._insist("PUT", path, json=body)

    def get(self, path: str) -> Json:
        """GET JSON."""
        return self._insist("GET", path)

    def post(self, path: str, body: Json) -> Json:
        """POST JSON that makes nothing."""
        return self._insist("POST", path, json=body)

    def submit(self, path: str, **content: Any) -> str:
        """POST what makes a job, until it is accepted; returns the job's id."""
        headers = {"Idempotency-Key": uuid.uuid4().hex, **content.pop("headers", {})}
        job_id: str = self._insist("POST", path, headers=headers, **content)["id"]
        self.accepted.append(job_id)
        return job_id

    def send(self, path: str, files: dict[str, bytes]) -> str:
        """Send files as parts of a form; returns the job's id."""
        parts = [("files", (name, content)) for name, content in files.items()]
        return self.submit(f"{path}/items", files=parts)

    def send_zip(self, path: str, content: bytes) -> str:
        """Send an archive as the body; returns the job's id."""
        headers = {"Content-Type": "application/zip"}
        return self.submit(f"{path}/items", content=content, headers=headers)

    def rows(self, path: str) -> Iterator[Json]:
        """All rows of a list."""
        joint = "&" if "?" in path else "?"
        page = self.get(path)
        yield from page["data"]
        while page["next_cursor"] is not None:
            page = self.get(f"{path}{joint}cursor={page['next_cursor']}")
            yield from page["data"]

    def ended(self, job_id: str) -> Json:
        """A job when it has ended; `LostError` if it does not."""
        deadline = time.monotonic() + self._patience_s
        while (job := self.get(f"/v1/jobs/{job_id}"))["state"] in LIVE:
            if time.monotonic() > deadline:
                raise LostError(f"the job does not end: {job}")
            self._meanwhile()
            time.sleep(PAUSE_S)
        if self.retried is not None and (job["error"] or {}).get("code") == "worker_died":
            self.retried[job_id] = self.submit(f"/v1/jobs/{job_id}/retry")
            return self.ended(self.retried[job_id])
        return job

    def _insist(self, method: str, path: str, **content: Any) -> Json:
        deadline = time.monotonic() + self._patience_s
        while True:
            problem = ""
            try:
                answer = self._client.request(method, path, **content)
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
            else:
                if answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                    assert answer.is_success, answer.text
                    return answer.json()
                self.refusals.append(answer.json())
                problem = answer.text
            if time.monotonic() > deadline:
                raise LostError(f"{method} {path}: {problem}")
            time.sleep(PAUSE_S)
