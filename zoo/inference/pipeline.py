"""Contents in, embeddings out: decoding runs ahead in a thread while the network forwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import Queue
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import numpy as np

from zoo.backbone import Preprocessing
from zoo.errors import DamagedError, ImageError, PluginError
from zoo.inference.engines import FloatArray
from zoo.inference.models import LoadedModel

if TYPE_CHECKING:
    from zoo.images.sandbox import Decoded, Sandbox

K = TypeVar("K")
Read: TypeAlias = Callable[[], bytes]

_BATCHES_AHEAD = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedded:
    """The vector float32 `(dim,)` of a content, and its picture's size in pixels."""

    vector: FloatArray
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class _Decoding(Generic[K]):
    """One content after decoding: pixels or why there are none."""

    key: K
    outcome: Decoded | ImageError


@dataclass(frozen=True, kw_only=True)
class _End:
    """The decoding thread is done, because of `error` if there is one."""

    error: Exception | None = None


def embed_contents(
    contents: Iterable[tuple[K, Read]], *, model: LoadedModel, sandbox: Sandbox, batch: int
) -> Iterator[tuple[K, Embedded | ImageError]]:
    """Read, decode and embed each content; yields each key once, failed ones as they fail.

    The sandbox belongs to the decoding thread until the iterator ends or is closed. Raises what
    `contents` raises, and `PluginError` if the model gives numbers that are not finite.
    """
    sandbox.start()  # ahead of the first picture, while the caller still prepares
    decodings = _DecodingAhead(
        contents, preprocessing=model.preprocessing, sandbox=sandbox, ahead=_BATCHES_AHEAD * batch
    )
    waiting: list[tuple[K, Decoded]] = []
    with decodings:
        for decoding in decodings:
            if isinstance(decoding.outcome, ImageError):
                yield decoding.key, decoding.outcome
                continue
            waiting.append((decoding.key, decoding.outcome))
            if len(waiting) >= batch:
                yield from _forward(model, waiting)
                waiting = []
        yield from _forward(model, waiting)


def embed_pictures(model: LoadedModel, pictures: list[Decoded]) -> FloatArray:
    """Embeddings `(n, dim)` of decoded pictures; `PluginError` if any number is not finite."""
    if not pictures:
        return np.empty((0, model.detail.dim), np.float32)
    vectors = model.engine.embed(np.stack([picture.pixels for picture in pictures]))
    if not np.isfinite(vectors).all():
        raise PluginError(
            f"model {model.ref.name!r} gave numbers that are not finite", plugin=model.ref.plugin
        )
    return vectors


def _forward(model: LoadedModel, decoded: list[tuple[K, Decoded]]) -> Iterator[tuple[K, Embedded]]:
    vectors = embed_pictures(model, [picture for _, picture in decoded])
    for (key, picture), vector in zip(decoded, vectors, strict=True):
        yield key, Embedded(vector=vector, width=picture.width, height=picture.height)


class _DecodingAhead(Generic[K]):
    """A thread that decodes a bounded number of contents ahead of who iterates over it."""

    def __init__(
        self,
        contents: Iterable[tuple[K, Read]],
        *,
        preprocessing: Preprocessing,
        sandbox: Sandbox,
        ahead: int,
    ) -> None:
        self._contents = contents
        self._preprocessing = preprocessing
        self._sandbox = sandbox
        self._queue: Queue[_Decoding[K] | _End] = Queue(maxsize=ahead)
        self._stopped = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="decoding", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        while not self._ended:  # makes room, so that the thread sees that it should stop
            self._ended = isinstance(self._queue.get(), _End)
        self._thread.join()

    def __iter__(self) -> Iterator[_Decoding[K]]:
        while True:
            found = self._queue.get()
            if not isinstance(found, _End):
                yield found
                continue
            self._ended = True
            if found.error:
                raise found.error
            return

    def _run(self) -> None:
        try:
            for key, read in self._contents:
                if self._stopped.is_set():
                    break
                self._queue.put(_Decoding(key=key, outcome=self._decode(read)))
        except Exception as error:  # noqa: BLE001  # raised again where the result is awaited
            self._queue.put(_End(error=error))
        else:
            self._queue.put(_End())

    def _decode(self, read: Read) -> Decoded | ImageError:
        try:
            return self._sandbox.decode(read(), self._preprocessing)
        except ImageError as error:
            return error
        except DamagedError as error:
            return ImageError(error.detail, code="damaged_file")
