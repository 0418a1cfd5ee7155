"""The predictor's WSGI application: few routes, frames in and out, torch only where needed.

It is not meant for callers from outside: `zoo.predictor.Predictor` is its client.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import structlog

from zoo import wire
from zoo.devices import leave_lost_gpu
from zoo.errors import NotFoundError, UnavailableError, ZooError
from zoo.inference.answering import Answering
from zoo.inference.placement import place_predictor
from zoo.inference.sandboxes import SandboxPool, decode_limits
from zoo.predictor import REQUEST_ID
from zoo.settings import Settings

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

MAX_WAITING = 64
"""Requests taken in at once; the next is told to come again."""
_RETRY_AFTER_S = 1

Answer = Callable[[wire.Header, list[memoryview]], bytes]
_log = structlog.get_logger()


def create_predictor(settings: Settings) -> PredictorApp:
    """The application, its sandboxes started; torch on its way if it is sure to be needed.

    Raises `StartError` if the settings ask for a GPU that is not there.
    """
    return PredictorApp(settings)


class PredictorApp:
    """`GET /livez`; `POST` frames to `/detail`, `/embed`, `/embed_texts`, `/classify` and such."""

    def __init__(self, settings: Settings) -> None:
        self._room = threading.Semaphore(MAX_WAITING)
        placement = place_predictor(settings)
        self._sandboxes = SandboxPool(decode_limits(settings), size=placement.decoders)
        self._sandboxes.start()
        self._answering = Answering(settings, sandboxes=self._sandboxes, placement=placement)
        self._routes: dict[str, Answer] = {
            "/detail": self._answering.detail,
            "/warm": self._answering.warm,
            "/embed": self._answering.embed,
            "/embed_texts": self._answering.embed_texts,
            "/classify": self._answering.classify,
            "/classify_texts": self._answering.classify_texts,
            "/features": self._answering.features,
            "/graph": self._answering.graph,
            "/thumbnail": self._thumbnail,
        }
        threading.Thread(target=self._answering.warm_up, name="warm-up", daemon=True).start()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"] == "/livez":
            return _respond(start_response, "200 OK", body=b"ok")
        # Read even where it is refused: a caller that is still writing would see a broken pipe.
        body = environ["wsgi.input"].read(_length(environ))
        if not self._room.acquire(blocking=False):
            busy = UnavailableError(
                f"{MAX_WAITING} requests are waiting for the predictor already",
                code="predictor_busy",
                retry_after_s=_RETRY_AFTER_S,
            )
            return _respond(start_response, "503 Service Unavailable", body=_failure(busy))
        try:
            return _respond(
                start_response, "200 OK", body=self._answer(environ["PATH_INFO"], body)
            )
        finally:
            self._room.release()

    def close(self) -> None:
        """End the sandboxes."""
        self._sandboxes.close()

    def _answer(self, path: str, body: bytes) -> bytes:
        structlog.contextvars.unbind_contextvars("request_id")  # of the thread's last question
        try:
            request, blobs = wire.decode(body)
            if request_id := request.pop(REQUEST_ID, None):
                structlog.contextvars.bind_contextvars(request_id=request_id)
            return self._route(path)(request, blobs)
        except ZooError as error:
            _log.info("request_failed", path=path, code=error.code, detail=error.detail)
            return _failure(error)
        except Exception as error:  # noqa: BLE001  # the rim: the log has the traceback
            _log.exception("request_crashed", path=path)
            leave_lost_gpu(error)
            return _failure(ZooError(f"the predictor failed: {type(error).__name__}: {error}"))

    def _route(self, path: str) -> Answer:
        if path not in self._routes:
            raise NotFoundError(
                f"no route {path!r}", code="unknown_route", nearest=tuple(self._routes)
            )
        return self._routes[path]

    def _thumbnail(self, request: wire.Header, blobs: list[memoryview]) -> bytes:
        with self._sandboxes.borrow() as sandbox:
            jpeg = sandbox.thumbnail(bytes(blobs[0]), size=int(request["size"]))
        return wire.encode({}, jpeg)


def _length(environ: WSGIEnvironment) -> int:
    return int(environ.get("CONTENT_LENGTH") or 0)


def _failure(error: ZooError) -> bytes:
    return wire.encode({"error": wire.error_to_json(error)})


def _respond(start_response: StartResponse, status: str, *, body: bytes) -> Iterable[bytes]:
    start_response(
        status,
        [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(body)))],
    )
    return [body]
