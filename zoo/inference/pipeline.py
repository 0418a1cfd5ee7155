"""Contents in, embeddings out: reading runs ahead in a thread while the network forwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import Queue
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import numpy as np

from zoo.backbone import IMAGE
from zoo.errors import ContentError, DamagedError, PluginError
from zoo.inference.engines import EmbeddedTexts, FloatArray
from zoo.inference.models import LoadedModel
from zoo.inference.reading import read_content

if TYPE_CHECKING:
    from zoo.images.sandbox import Decoded, Sandbox

K = TypeVar("K")
Read: TypeAlias = Callable[[], bytes]

BATCHES_AHEAD = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedded:
    """The vector float32 `(dim,)` of a content, and if it is a picture its size in pixels."""

    vector: FloatArray
    size: tuple[int, int] | None = None  # width, height


@dataclass(frozen=True, kw_only=True)
class Decoding(Generic[K]):
    """One content after decoding: pixels, a text, or why there is neither."""

    key: K
    outcome: Decoded | str | ContentError


@dataclass(frozen=True, kw_only=True)
class _End:
    """The decoding thread is done, because of `error` if there is one."""

    error: Exception | None = None


def embed_contents(
    contents: Iterable[tuple[K, Read]], *, model: LoadedModel, sandbox: Sandbox, batch: int
) -> Iterator[tuple[K, Embedded | ContentError]]:
    """Read, decode and embed each content; yields each key once, failed ones as they fail.

    The sandbox belongs to the decoding thread until the iterator ends or is closed. Raises what
    `contents` raises, and `PluginError` if the model gives numbers that are not finite.
    """
    if IMAGE in model.detail.towers:
        sandbox.start()  # ahead of the first picture, while the caller still prepares
    decodings = DecodingAhead(contents, model=model, sandbox=sandbox, ahead=BATCHES_AHEAD * batch)
    pictures: list[tuple[K, Decoded]] = []
    texts: list[tuple[K, str]] = []
    with decodings:
        for decoding in decodings:
            if isinstance(decoding.outcome, ContentError):
                yield decoding.key, decoding.outcome
            elif isinstance(decoding.outcome, str):
                texts.append((decoding.key, decoding.outcome))
            else:
                pictures.append((decoding.key, decoding.outcome))
            if len(texts) >= batch:
                yield from _forward_texts(model, texts)
                texts = []
            if len(pictures) >= batch:
                yield from _forward(model, pictures)
                pictures = []
        yield from _forward_texts(model, texts)
        yield from _forward(model, pictures)


def embed_pictures(model: LoadedModel, pictures: list[Decoded]) -> FloatArray:
    """Embeddings `(n, dim)` of decoded pictures; `PluginError` if any number is not finite."""
    if not pictures:
        return np.empty((0, model.detail.dim), np.float32)
    vectors = model.image_engine.embed(np.stack([picture.pixels for picture in pictures]))
    _check_finite(model, vectors)
    return vectors


def embed_texts(model: LoadedModel, texts: list[str]) -> EmbeddedTexts:
    """Embeddings `(n, dim)` of texts; `PluginError` if any number is not finite."""
    if not texts:
        return EmbeddedTexts(vectors=np.empty((0, model.detail.dim), np.float32), tokens=0)
    embedded = model.texts.embed(texts)
    _check_finite(model, embedded.vectors)
    return embedded


def _check_finite(model: LoadedModel, vectors: FloatArray) -> None:
    if not np.isfinite(vectors).all():
        raise PluginError(
            f"model {model.ref.name!r} gave numbers that are not finite", plugin=model.ref.plugin
        )


def _forward(model: LoadedModel, decoded: list[tuple[K, Decoded]]) -> Iterator[tuple[K, Embedded]]:
    vectors = embed_pictures(model, [picture for _, picture in decoded])
    for (key, picture), vector in zip(decoded, vectors, strict=True):
        yield key, Embedded(vector=vector, size=(picture.width, picture.height))


def _forward_texts(model: LoadedModel, texts: list[tuple[K, str]]) -> Iterator[tuple[K, Embedded]]:
    embedded = embed_texts(model, [text for _, text in texts])
    for (key, _), vector in zip(texts, embedded.vectors, strict=True):
        yield key, Embedded(vector=vector)


class DecodingAhead(Generic[K]):
    """A thread that decodes a bounded number of contents ahead of who iterates over it."""

    def __init__(
        self,
        contents: Iterable[tuple[K, Read]],
        *,
        model: LoadedModel,
        sandbox: Sandbox,
        ahead: int,
    ) -> None:
        self._contents = contents
        self._model = model
        self._sandbox = sandbox
        self._queue: Queue[Decoding[K] | _End] = Queue(maxsize=ahead)
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

    def __iter__(self) -> Iterator[Decoding[K]]:
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
                self._queue.put(Decoding(key=key, outcome=self._decode(read)))
        except Exception as error:  # noqa: BLE001  # raised again where the result is awaited
            self._queue.put(_End(error=error))
        else:
            self._queue.put(_End())

    def _decode(self, read: Read) -> Decoded | str | ContentError:
        try:
            return read_content(read(), model=self._model, sandbox=self._sandbox)
        except ContentError as error:
            return error
        except DamagedError as error:
            return ContentError(error.detail, code=error.code)
