"""Contents in, embeddings out: reading runs ahead in threads while the network forwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import numpy as np

from zoo.backbone import IMAGE
from zoo.errors import ContentError, DamagedError
from zoo.inference.engines import AheadEngine, EmbeddedTexts, FloatArray, Pending, begin
from zoo.inference.faulting import faulty, naming_plugin, running_plugin
from zoo.inference.models import LoadedModel
from zoo.inference.reading import read_content

if TYPE_CHECKING:
    from zoo.images.sandbox import Decoded, PictureDecoder

K = TypeVar("K")
Read: TypeAlias = Callable[[], bytes]

LARGER = 8
BATCHES_AHEAD = 2
PICTURES_AHEAD = 48
"""How many are decoded ahead at least: while another process waits for the disk, its core decodes
for this one."""


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


def embed_contents(
    contents: Iterable[tuple[K, Read]], *, model: LoadedModel, sandbox: PictureDecoder, batch: int
) -> Iterator[tuple[K, Embedded | ContentError]]:
    """Read, decode and embed each content; yields each key once, failed ones as they fail.

    The sandbox belongs to the decoding threads until the iterator ends or is closed. Raises what
    `contents` raises, and `PluginError` if the model gives numbers that are not finite.
    """
    if IMAGE in model.detail.towers:
        sandbox.start()  # ahead of the first picture, while the caller still prepares
    ahead = max(BATCHES_AHEAD * batch, PICTURES_AHEAD)
    decodings = DecodingAhead(contents, model=model, sandbox=sandbox, ahead=ahead)
    forwarding = Forwarding[K](model)
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
            if len(texts) >= larger_batch(batch):
                yield from _forward_texts(model, texts)
                texts = []
            if len(pictures) >= batch:
                yield from forwarding.forward(pictures)
                pictures = []
        yield from _forward_texts(model, texts)
        yield from forwarding.forward(pictures)
        yield from forwarding.rest()


def larger_batch(batch: int) -> int:
    """How many texts, or pictures in torch, are one forward where so many of a graph's are.

    A few texts cost hardly more than one, and torch rounds otherwise for a picture that is alone.
    """
    return max(batch, min(4 * batch, LARGER))


def embed_pictures(model: LoadedModel, pictures: list[Decoded]) -> FloatArray:
    """Embeddings `(n, dim)` of decoded pictures; `PluginError` if any number is not finite."""
    if not pictures:
        return np.empty((0, model.detail.dim), np.float32)
    pixels = np.stack([picture.pixels for picture in pictures])
    with _running(model):
        vectors = model.image_engine.embed(pixels)
    _check(model, vectors, n=len(pictures))
    return vectors


def embed_texts(model: LoadedModel, texts: list[str]) -> EmbeddedTexts:
    """Embeddings `(n, dim)` of texts; `PluginError` if any number is not finite."""
    if not texts:
        return EmbeddedTexts(vectors=np.empty((0, model.detail.dim), np.float32), tokens=0)
    with _running(model):
        embedded = model.texts.embed(texts)
    _check(model, embedded.vectors, n=len(texts))
    return embedded


def _running(model: LoadedModel) -> AbstractContextManager[None]:
    # An exported graph is run without any of the plugin's code.
    return running_plugin(model.ref) if model.is_built else naming_plugin(model.ref)


def _check(model: LoadedModel, vectors: FloatArray, *, n: int) -> None:
    """Refuse what a network gave if it is not a finite float32 vector for each of `n` contents."""
    wanted = (n, model.detail.dim)
    if vectors.shape != wanted or vectors.dtype != np.float32:
        fault = f"{vectors.dtype} {vectors.shape}, not float32 {wanted}"
    elif not np.isfinite(vectors).all():
        fault = "numbers that are not finite"
    else:
        return
    raise faulty(model.ref, f"gave {fault}")


class Forwarding(Generic[K]):
    """Batches of pictures on their way through an engine, which may forward while others decode.

    What a batch gives comes with the next one, where the engine is an `AheadEngine`.
    """

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._ahead = 1 if isinstance(model.engine, AheadEngine) else 0
        self._flying: deque[tuple[list[tuple[K, Decoded]], Pending]] = deque()

    def forward(self, pictures: list[tuple[K, Decoded]]) -> Iterator[tuple[K, Embedded]]:
        """Have a batch forwarded; yields those that are done."""
        if pictures:
            pixels = [picture.pixels for _, picture in pictures]
            with _running(self._model):
                pending = begin(self._model.image_engine, pixels)
            self._flying.append((pictures, pending))
        while len(self._flying) > self._ahead:
            yield from self._land()

    def rest(self) -> Iterator[tuple[K, Embedded]]:
        """What is still on its way."""
        while self._flying:
            yield from self._land()

    def _land(self) -> Iterator[tuple[K, Embedded]]:
        pictures, pending = self._flying.popleft()
        with _running(self._model):
            vectors = pending()
        _check(self._model, vectors, n=len(pictures))
        for (key, picture), vector in zip(pictures, vectors, strict=True):
            yield key, Embedded(vector=vector, size=(picture.width, picture.height))


def _forward_texts(model: LoadedModel, texts: list[tuple[K, str]]) -> Iterator[tuple[K, Embedded]]:
    embedded = embed_texts(model, [text for _, text in texts])
    for (key, _), vector in zip(texts, embedded.vectors, strict=True):
        yield key, Embedded(vector=vector)


class DecodingAhead(Generic[K]):
    """Contents decoded in threads, in order, a bounded number ahead of who iterates over it."""

    def __init__(
        self,
        contents: Iterable[tuple[K, Read]],
        *,
        model: LoadedModel,
        sandbox: PictureDecoder,
        ahead: int,
    ) -> None:
        self._contents = iter(contents)
        self._model = model
        self._sandbox = sandbox
        self._ahead = ahead + sandbox.lanes - 1  # so that the first of them keeps no lane idle
        self._begun: deque[tuple[K, Future[Decoded | str | ContentError]]] = deque()
        self._threads = ThreadPoolExecutor(sandbox.lanes, thread_name_prefix="decoding")

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[Decoding[K]]:
        self._begin()
        while self._begun:
            key, outcome = self._begun.popleft()
            yield Decoding(key=key, outcome=outcome.result())
            self._begin()

    def _begin(self) -> None:
        """Have as many decoded as may be ahead."""
        for key, read in islice(self._contents, self._ahead - len(self._begun)):
            self._begun.append((key, self._threads.submit(self._decode, read)))

    def _decode(self, read: Read) -> Decoded | str | ContentError:
        try:
            return read_content(read(), model=self._model, sandbox=self._sandbox)
        except ContentError as error:
            return error
        except DamagedError as error:
            return ContentError(error.detail, code=error.code)
