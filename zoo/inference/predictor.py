"""The predictor's application: few routes, frames in and out, torch only where needed.

It is not meant for callers from outside: `zoo.predictor.Predictor` is its client.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import structlog

from zoo import wire
from zoo.devices import leave_lost_gpu
from zoo.errors import NotFoundError, UnavailableError, ZooError
from zoo.inference.answering import Answering
from zoo.inference.guarding import Act
from zoo.inference.placement import place_predictor
from zoo.inference.sandboxes import SandboxPool, decode_limits
from zoo.predictor import ALIVE, REQUEST_ID, ROUTE
from zoo.settings import Settings

MAX_WAITING = 64
"""Requests taken in at once; the next is told to come again."""
_RETRY_AFTER_S = 1

Answer = Callable[[wire.Header, list[memoryview]], bytes]
_log = structlog.get_logger()


def create_predictor(
    settings: Settings, *, limits_s: Mapping[Act, float] | None = None
) -> PredictorApp:
    """The application, its sandboxes started; torch on its way if it is sure to be needed.

    A plugin's code that takes longer than its limit ends the process, where there are limits.
    Raises `StartError` if the settings ask for a GPU that is not there.
    """
    return PredictorApp(settings, limits_s=limits_s)


class PredictorApp:
    """Answers frames to `/detail`, `/embed`, `/classify` and such; thread-safe."""

    def __init__(self, settings: Settings, *, limits_s: Mapping[Act, float] | None = None) -> None:
        self._room = threading.Semaphore(MAX_WAITING)
        placement = place_predictor(settings)
        self._sandboxes = SandboxPool(decode_limits(settings), size=placement.decoders)
        self._sandboxes.start()
        self._answering = Answering(
            settings, sandboxes=self._sandboxes, placement=placement, limits_s=limits_s
        )
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

    def answer(self, question: bytes | bytearray) -> bytes:
        """The frame that answers a frame; what goes wrong is told in it."""
        structlog.contextvars.unbind_contextvars("request_id")  # of the thread's last question
        path = None
        try:
            request, blobs = wire.decode(question)
            path = request.pop(ROUTE, None)
            if request_id := request.pop(REQUEST_ID, None):
                structlog.contextvars.bind_contextvars(request_id=request_id)
            return self._answer(path, request, blobs)
        except ZooError as error:
            _log.info("request_failed", path=path, code=error.code, detail=error.detail)
            return _failure(error)
        except Exception as error:  # noqa: BLE001  # the rim: the log has the traceback
            _log.exception("request_crashed", path=path)
            leave_lost_gpu(error)
            return _failure(ZooError(f"the predictor failed: {type(error).__name__}: {error}"))

    def close(self) -> None:
        """End the sandboxes."""
        self._answering.close()
        self._sandboxes.close()

    def _answer(self, path: str, request: wire.Header, blobs: list[memoryview]) -> bytes:
        if path == ALIVE:
            return wire.encode({})
        if not self._room.acquire(blocking=False):
            raise UnavailableError(
                f"{MAX_WAITING} requests are waiting for the predictor already",
                code="predictor_busy",
                retry_after_s=_RETRY_AFTER_S,
            )
        try:
            return self._route(path)(request, blobs)
        finally:
            self._room.release()

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


def _failure(error: ZooError) -> bytes:
    return wire.encode({"error": wire.error_to_json(error)})
