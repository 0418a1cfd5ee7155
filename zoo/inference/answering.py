"""What the predictor answers with: the requests that need a loaded model."""

from __future__ import annotations

import importlib
import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial

import numpy as np
import structlog

from zoo import wire
from zoo.errors import ContentError, InvalidError, UnavailableError, ZooError
from zoo.images.sandbox import Decoded
from zoo.inference.cuts import PAUSE_S
from zoo.inference.engines import FloatArray, PixelArray
from zoo.inference.exports import GRAPH
from zoo.inference.faulting import running_plugin
from zoo.inference.graphs import Graphs
from zoo.inference.guarding import Act, Guard
from zoo.inference.heads import HeadCache
from zoo.inference.joining import JoiningEngine
from zoo.inference.models import LoadedModel, ModelCache
from zoo.inference.pipeline import embed_pictures, embed_texts, larger_batch
from zoo.inference.placement import Placement
from zoo.inference.sandboxes import SandboxPool
from zoo.inference.tapping import TAP_BATCH
from zoo.predictor import BackboneRef, HeadRef, detail_to_json, ref_from_json
from zoo.settings import Settings
from zoo.storage.blobs import open_blobs
from zoo.taps import Tap, tap_from_json
from zoo.texts import encode_text, in_batches
from zoo.training.heads import Head

_log = structlog.get_logger()

Blobs = Sequence[bytes | memoryview]
AT_WORK = "at_work.json"
"""What the predictor is at; in the home's folder of sockets."""


class Answering:
    """Answers with frames of `zoo.wire`; thread-safe, one forward at a time.

    On a GPU what is asked at the same time is forwarded together.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sandboxes: SandboxPool,
        placement: Placement | None = None,
        limits_s: Mapping[Act, float] | None = None,
    ) -> None:
        """Where a plugin's code runs longer than its limit the process ends; none: no limits."""
        placement = placement or Placement(batch=settings.forward_batch)
        self._guard = Guard(settings.runtime_dir / AT_WORK, limits_s=limits_s)
        building = partial(self._guard.during, Act.BUILD)
        self._models = ModelCache(settings, placement, building=building)
        self._heads = HeadCache(open_blobs(settings))
        self._sandboxes = sandboxes
        self._batch = placement.batch
        # Two forwards at once take as long as one after the other, and more memory.
        self._forwarding = threading.Lock()
        # Maps may take hundreds of megabytes: those of one request at a time.
        self._tapping = threading.Lock()
        self._export_from: dict[str, float] = {}  # by space: when one may be tried
        self._graphs = Graphs(self._models.make_graph)

    def warm_up(self) -> None:
        """Have ready what the first request is sure to need."""
        with suppress(UnavailableError):  # who asks for a model is told
            self._models.warm_up()

    def close(self) -> None:
        """Have nobody blamed for what is cut off now."""
        self._guard.close()

    def detail(self, request: wire.Header, _: Blobs) -> bytes:
        """What is known of a backbone by building it."""
        model = self._models.get(_backbone(request))
        return wire.encode({"detail": detail_to_json(model.detail)})

    def warm(self, request: wire.Header, _: Blobs) -> bytes:
        """Nothing, once the backbone and the head are loaded."""
        self._models.get(_backbone(request))
        if request["head"] is not None:
            self._heads.get(HeadRef(**request["head"]))
        return wire.encode({})

    def embed(self, request: wire.Header, images: Blobs) -> bytes:
        """The vectors of the readable pictures in one blob, and who is not readable."""
        model = self._models.get(_backbone(request))
        vectors, errors = self._embed(model, images)
        answer = {"dim": model.detail.dim, "errors": [_error_to_json(error) for error in errors]}
        return wire.encode(answer, vectors.tobytes())

    def embed_texts(self, request: wire.Header, _: Blobs) -> bytes:
        """The vectors of the texts in one blob, who has none, and how many tokens they are."""
        model = self._models.get(_backbone(request))
        vectors, errors, tokens = self._embed_texts(model, request)
        answer = {
            "dim": model.detail.dim,
            "errors": [_error_to_json(error) for error in errors],
            "tokens": tokens,
        }
        return wire.encode(answer, vectors.tobytes())

    def classify(self, request: wire.Header, images: Blobs) -> bytes:
        """The most probable labels of each picture, best first."""
        model = self._models.get(_backbone(request))
        head = self._head(request["head"], model)
        vectors, errors = self._embed(model, images)
        return _classified(head, vectors, errors, top_k=int(request["top_k"]))

    def classify_texts(self, request: wire.Header, _: Blobs) -> bytes:
        """The most probable labels of each text, best first."""
        model = self._models.get(_backbone(request))
        head = self._head(request["head"], model)
        vectors, errors, _tokens = self._embed_texts(model, request)
        return _classified(head, vectors, errors, top_k=int(request["top_k"]))

    def features(self, request: wire.Header, images: Blobs) -> bytes:
        """What the tapped layers give, a blob each; none if a picture cannot be read."""
        model = self._models.get_built(_backbone(request))
        taps = [tap_from_json(tap) for tap in request["taps"]]
        pictures, errors = self._decode(model, images)
        blobs: Blobs = ()
        if all(error is None for error in errors):
            with self._tapping:
                blobs = self._tap(model, pictures, taps)
        return wire.encode({"errors": [_error_to_json(error) for error in errors]}, *blobs)

    def graph(self, request: wire.Header, _: Blobs) -> bytes:
        """A classifier as one ONNX graph, pixels in and logits out, in one blob."""
        ref = _backbone(request)
        detail = self._models.get(ref).detail
        head = self._heads.get(HeadRef(**request["head"]))
        export = self._graphs.get(ref, detail)
        # By name: the library that edits graphs takes half a second to load, and few ask for one.
        whole: bytes = importlib.import_module("zoo.inference.classifiers").classifier_graph(
            export.folder / GRAPH, head, detail=detail, model=str(request["name"])
        )
        return wire.encode({}, whole)

    def _head(self, fields: wire.Header | None, model: LoadedModel) -> Head:
        if fields is not None:
            return self._heads.get(HeadRef(**fields))
        if model.native_head is None:
            raise InvalidError(
                f"model {model.ref.name!r} brings no classifier; fine-tune one on it",
                code="no_native_head",
                field="model",
            )
        return model.native_head

    def _embed_texts(
        self, model: LoadedModel, request: wire.Header
    ) -> tuple[FloatArray, list[ContentError | None], int]:
        """Vectors of the readable texts, for each text None or why it has none, and tokens."""
        texts, errors = _readable([str(text) for text in request["texts"]])
        parts = [embed_texts(model, [])]
        for some in in_batches(texts, most=larger_batch(self._batch)):
            with self._forwarding, self._guard.during(Act.FORWARD, model.ref):
                parts.append(embed_texts(model, some))
        vectors = np.concatenate([part.vectors for part in parts])
        return vectors, errors, sum(part.tokens for part in parts)

    def _embed(
        self, model: LoadedModel, images: Blobs
    ) -> tuple[FloatArray, list[ContentError | None]]:
        """Vectors `(readable, dim)`, and for each picture None or why it has no vector."""
        parts: list[FloatArray] = [embed_pictures(model, [])]
        errors: list[ContentError | None] = []
        for start in range(0, len(images), self._batch):
            vectors, failed = self._embed_batch(model, images[start : start + self._batch])
            parts.append(vectors)
            errors.extend(failed)
        return np.concatenate(parts), errors

    def _embed_batch(
        self, model: LoadedModel, images: Blobs
    ) -> tuple[FloatArray, list[ContentError | None]]:
        pictures, errors = self._decode(model, images)
        vectors = self._forward(model, pictures)
        if pictures and model.is_built:
            self._export_later(model, pictures)
        return vectors, errors

    def _forward(self, model: LoadedModel, pictures: list[Decoded]) -> FloatArray:
        if isinstance(model.engine, JoiningEngine):  # its threads take turns by themselves
            with self._guard.during(Act.FORWARD, model.ref):
                return embed_pictures(model, pictures)
        with self._forwarding, self._guard.during(Act.FORWARD, model.ref):
            return embed_pictures(model, pictures)

    @contextmanager
    def _alone(self, model: LoadedModel) -> Iterator[None]:
        if isinstance(model.engine, JoiningEngine):
            with self._guard.during(Act.FORWARD, model.ref), model.engine.alone():
                yield
        else:
            with self._forwarding, self._guard.during(Act.FORWARD, model.ref):
                yield

    def _decode(
        self, model: LoadedModel, images: Blobs
    ) -> tuple[list[Decoded], list[ContentError | None]]:
        """The readable pictures, and for each one None or why it cannot be read."""
        pictures = []
        errors: list[ContentError | None] = []
        with self._sandboxes.borrow() as sandbox:
            for image in images:
                try:
                    pictures.append(sandbox.decode(bytes(image), model.image_preprocessing))
                    errors.append(None)
                except ContentError as error:
                    errors.append(error)
        return pictures, errors

    def _tap(self, model: LoadedModel, pictures: Sequence[Decoded], taps: Sequence[Tap]) -> Blobs:
        arrays = [np.empty((len(pictures), *tap.given), np.float32) for tap in taps]
        size = min(self._batch, TAP_BATCH)
        for start in range(0, len(pictures), size):
            batch = np.stack([one.pixels for one in pictures[start : start + size]])
            # What watches layers would also see the pictures of others.
            with self._alone(model), running_plugin(model.ref):
                seen = model.taps.tap(batch, taps)
            for array, features in zip(arrays, seen, strict=True):
                array[start : start + size] = features
        return [array.tobytes() for array in arrays]

    def _export_later(self, model: LoadedModel, pictures: Sequence[Decoded]) -> None:
        """One at a time a model: the next request but a few will need no torch.

        A worker may have exported it meanwhile; then all there is to do is to let go of torch's.
        Where nothing came of it, a full disk may have been the reason: again after a while.
        """
        space_id = model.detail.space.space_id
        if time.monotonic() < self._export_from.get(space_id, 0.0):
            return
        self._export_from[space_id] = math.inf
        pixels = np.stack([picture.pixels for picture in pictures])
        threading.Thread(
            target=self._export, args=(model, pixels), name="exporting", daemon=True
        ).start()

    def _export(self, model: LoadedModel, pixels: PixelArray) -> None:
        try:
            self._models.export(model.ref, model.detail, samples=lambda: pixels)
        except (ZooError, OSError) as error:
            _log.warning("export_failed", model=model.ref.name, error=str(error))
        finally:
            self._export_from[model.detail.space.space_id] = time.monotonic() + PAUSE_S


def _backbone(request: wire.Header) -> BackboneRef:
    return ref_from_json(request["backbone"])


def _readable(texts: Sequence[str]) -> tuple[list[str], list[ContentError | None]]:
    found = []
    errors: list[ContentError | None] = []
    for text in texts:
        try:
            encode_text(text)
        except ContentError as error:
            errors.append(error)
        else:
            found.append(text)
            errors.append(None)
    return found, errors


def _error_to_json(error: ContentError | None) -> dict[str, object] | None:
    return None if error is None else wire.error_to_json(error)


def _classified(
    head: Head, vectors: FloatArray, errors: Sequence[ContentError | None], *, top_k: int
) -> bytes:
    """The labels of those that have a vector, and why the others have none."""
    ranked = _ranked(head, vectors, top_k=top_k)
    answers = [
        {"labels": next(ranked)} if error is None else {"error": _error_to_json(error)}
        for error in errors
    ]
    return wire.encode({"answers": answers})


def _ranked(head: Head, vectors: FloatArray, *, top_k: int) -> Iterator[list[tuple[str, float]]]:
    for row in head.probabilities(vectors):
        best = np.argsort(-row, kind="stable")[:top_k]
        yield [(head.labels[place], float(row[place])) for place in best]
