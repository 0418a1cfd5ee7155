"""The client of the predictor: embeds and classifies in the process that owns loaded models.

It needs no torch; whoever holds it may be the API, a worker or a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zoo import wire
from zoo.backbone import InputSizes
from zoo.catalog.records import ModelRecord, VersionRecord
from zoo.connections import UNIX, Asking, Connections
from zoo.errors import ContentError, InvalidError, UnavailableError
from zoo.logs import current_request
from zoo.space import FLOAT32, Space, TowerSpace, at_precision, split_precision
from zoo.taps import Tap

ROUTE = "route"
"""The member of a question that says what is asked."""
REQUEST_ID = "request_id"
"""The member of a question that names the request it is asked for."""
ALIVE = "/livez"
"""What is answered whatever else is."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class NetworkRef:
    """A tuned network of record: whose it is, where it lies, the checksum that it must have."""

    version: str  # `pets:3`
    blob_key: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class BackboneRef:
    """A backbone with one of its weights tags, in the space that it is known to embed into.

    With a `network` it is what was tuned from it: the plugin builds, the network's file is laid
    over.
    """

    plugin: str
    architecture: str
    weights: str
    space_id: str | None = None  # None: not built yet
    precision: str = FLOAT32
    network: NetworkRef | None = None

    @property
    def name(self) -> str:
        """As the registry names it."""
        plain = f"{self.plugin}.{self.architecture}.{self.weights}"
        return at_precision(self.network.version if self.network else plain, self.precision)


def to_ref(model: ModelRecord, *, space_id: str | None) -> BackboneRef:
    """A registered backbone as the predictor and the workers load it."""
    return BackboneRef(
        plugin=model.plugin or "",
        architecture=model.architecture or "",
        weights=model.weights_tag or "",
        space_id=space_id,
        precision=split_precision(model.name)[1],
        network=None if model.tuned is None else _network_of(model.tuned),
    )


def _network_of(version: VersionRecord) -> NetworkRef | None:
    if version.weights_key is None or version.weights_sha256 is None:
        return None
    return NetworkRef(
        version=version.name, blob_key=version.weights_key, sha256=version.weights_sha256
    )


def ref_from_json(fields: wire.Header) -> BackboneRef:
    """A reference again that was sent as its fields."""
    network = fields.get("network")
    return BackboneRef(**{**fields, "network": NetworkRef(**network) if network else None})


@dataclass(frozen=True, kw_only=True)
class HeadRef:
    """A classifier of record: where it lies and the checksum that it must have."""

    blob_key: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class BackboneDetail:
    """What can be known of a backbone only by building it.

    Blocks, layers, shapes and costs are those of its image tower, where it has one.
    """

    weights_hash: str
    dim: int
    parameters: int
    blocks: tuple[str, ...]
    layers: tuple[str, ...]
    labels: tuple[str, ...] | None  # of the native head, where there is one
    space: Space
    towers: tuple[str, ...] = ()
    multiply_adds: int | None = None  # for one picture of the native size; unknown for texts
    layer_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # without the batch
    taps: Mapping[str, str] = field(default_factory=dict)  # early, middle, deep: a layer each
    input_sizes: InputSizes = field(default_factory=InputSizes)
    head_output: tuple[int, int] | None = None  # of the classifier, trained or not: (1, classes)


@dataclass(frozen=True, kw_only=True, eq=False)
class TextEmbeddings:
    """What a request for texts gave."""

    vectors: list[FloatArray | ContentError]  # float32 `(dim,)`, or why there is none
    tokens: int  # of all texts together, special ones included


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """What a request for features gave."""

    errors: list[ContentError | None]  # of each picture; if one cannot be read there are no arrays
    arrays: Mapping[str, FloatArray]  # `(n, *tap.given)` by the taps' names


@dataclass(frozen=True, kw_only=True)
class Label:
    """One class with its probability."""

    label: str
    probability: float


class Predictor:
    """A connection to the predictor at `unix:///path` or `tcp://host:port`; thread-safe.

    Every call raises `UnavailableError` when the predictor does not answer, and the errors that
    the predictor itself raised (`PluginError`, `WeightsUnavailableError`, ...) as they were.
    `asking` takes the place of connections where both are one process.
    """

    def __init__(self, url: str, *, timeout_s: float, asking: Asking | None = None) -> None:
        self._socket = Path(url.removeprefix(UNIX)) if url.startswith(UNIX) else None
        self._asking = asking or Connections(url, timeout_s=timeout_s)

    def detail(self, backbone: BackboneRef) -> BackboneDetail:
        """Build the backbone, if it is not yet, and describe it."""
        header, _ = self._ask(_framed("/detail", {"backbone": _fields(backbone)}))
        return detail_from_json(header["detail"])

    def embed(
        self, backbone: BackboneRef, images: Sequence[bytes]
    ) -> list[FloatArray | ContentError]:
        """One float32 vector `(dim,)` for each picture, or why it could not be read."""
        question = _framed("/embed", {"backbone": _fields(backbone)}, *images)
        return _vectors(*self._ask(question))

    def embed_texts(self, backbone: BackboneRef, texts: Sequence[str]) -> TextEmbeddings:
        """One vector for each text; raises `InvalidError` if the model takes no texts."""
        request = {"backbone": _fields(backbone), "texts": list(texts)}
        header, blobs = self._ask(_framed("/embed_texts", request))
        return TextEmbeddings(vectors=_vectors(header, blobs), tokens=int(header["tokens"]))

    def classify(
        self,
        backbone: BackboneRef,
        images: Sequence[bytes],
        *,
        head: HeadRef | None,
        top_k: int,
    ) -> list[list[Label] | ContentError]:
        """The `top_k` most probable labels of each picture, best first.

        Without a head the backbone's native one is asked; `InvalidError` if it has none.
        """
        request = {
            "backbone": _fields(backbone),
            "head": None if head is None else asdict(head),
            "top_k": top_k,
        }
        header, _ = self._ask(_framed("/classify", request, *images))
        return _labels(header)

    def classify_texts(
        self, backbone: BackboneRef, texts: Sequence[str], *, head: HeadRef | None, top_k: int
    ) -> list[list[Label] | ContentError]:
        """The same of texts; `InvalidError` if the model takes none."""
        request = {
            "backbone": _fields(backbone),
            "head": None if head is None else asdict(head),
            "top_k": top_k,
            "texts": list(texts),
        }
        header, _ = self._ask(_framed("/classify_texts", request))
        return _labels(header)

    def features(
        self, backbone: BackboneRef, images: Sequence[bytes], *, taps: Sequence[Tap]
    ) -> Features:
        """What layers give for each picture, all of one forward; nothing of it is copied."""
        request = {"backbone": _fields(backbone), "taps": [asdict(tap) for tap in taps]}
        header, blobs = self._ask(_framed("/features", request, *images))
        errors = [
            None if error is None else wire.content_error_from_json(error)
            for error in header["errors"]
        ]
        arrays = {
            tap.name: np.frombuffer(blob, np.float32).reshape(len(images), *tap.given)
            for tap, blob in zip(taps, blobs, strict=False)  # no blobs where there are errors
        }
        return Features(errors=errors, arrays=arrays)

    def warm(self, backbone: BackboneRef, *, head: HeadRef | None) -> None:
        """Load the backbone and the head, if they are not yet, so that the next call is quick."""
        request = {
            "backbone": _fields(backbone),
            "head": None if head is None else asdict(head),
        }
        self._ask(_framed("/warm", request))

    def graph(self, backbone: BackboneRef, *, head: HeadRef, name: str) -> memoryview:
        """A classifier as one ONNX graph that bears the name; pixels in, logits out.

        Raises `InvalidError` if no graph can hold it, `UnavailableError` while it is being made.
        """
        request = {"backbone": _fields(backbone), "head": asdict(head), "name": name}
        _, blobs = self._ask(_framed("/graph", request))
        return blobs[0]

    def thumbnail(self, content: bytes, *, size: int) -> bytes:
        """A JPEG whose longer side is at most `size` pixels; raises `ImageError`."""
        _, blobs = self._ask(_framed("/thumbnail", {"size": size}, content))
        return bytes(blobs[0])

    def is_alive(self) -> bool:
        """Whether the predictor answers at all."""
        if self._socket and not self._socket.exists():
            return False
        try:
            wire.decode(self._asking.ask(_framed(ALIVE, {})))
        except (OSError, InvalidError):
            return False
        return True

    def close(self) -> None:
        """Close all connections."""
        self._asking.close()

    def _ask(self, question: bytes) -> tuple[wire.Header, list[memoryview]]:
        header, blobs = self._decode(self._answer_to(question))
        if "error" in header:
            raise wire.error_from_json(header["error"])
        return header, blobs

    def _answer_to(self, question: bytes) -> bytes | bytearray:
        if self._socket and not self._socket.exists():
            raise self._unavailable(FileNotFoundError("there is no such socket"))
        try:
            return self._asking.ask(question)
        except OSError as error:
            raise self._unavailable(error) from error

    def _decode(self, body: bytes | bytearray) -> tuple[wire.Header, list[memoryview]]:
        try:
            return wire.decode(body)
        except InvalidError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> UnavailableError:
        reason = str(error) or type(error).__name__
        return UnavailableError(
            f"the predictor does not answer: {reason}",
            code="predictor_unavailable",
        )


@lru_cache(maxsize=64)
def _fields(backbone: BackboneRef) -> Mapping[str, object]:
    """What is told of a backbone with every question, made once."""
    return asdict(backbone)


def _framed(route: str, header: Mapping[str, object], *blobs: bytes) -> bytes:
    """A question that names the request it is asked for, so that its answerer's log does too."""
    request_id = current_request()
    named = {} if request_id is None else {REQUEST_ID: request_id}
    return wire.encode({ROUTE: route, **named, **header}, *blobs)


def _labels(header: wire.Header) -> list[list[Label] | ContentError]:
    return [
        wire.content_error_from_json(answer["error"])
        if "error" in answer
        else [Label(label=label, probability=p) for label, p in answer["labels"]]
        for answer in header["answers"]
    ]


def _vectors(header: wire.Header, blobs: Sequence[memoryview]) -> list[FloatArray | ContentError]:
    rows = iter(np.frombuffer(blobs[0], np.float32).reshape(-1, header["dim"]))
    return [
        next(rows) if error is None else wire.content_error_from_json(error)
        for error in header["errors"]
    ]


def detail_at(detail: BackboneDetail, precision: str) -> BackboneDetail:
    """The same backbone computed in another precision: nothing but its space is another."""
    return replace(detail, space=replace(detail.space, precision=precision))


def detail_to_json(detail: BackboneDetail) -> dict[str, object]:
    """All fields as JSON."""
    return asdict(detail)


def detail_from_json(fields: wire.Header) -> BackboneDetail:
    """The same detail again; one written by an older version lacks what was added since."""
    labels, output = fields["labels"], fields.get("head_output")
    shapes = fields.get("layer_shapes", {})
    sizes = fields.get("input_sizes", {"is_fixed": False, "minimum": None})
    return BackboneDetail(
        weights_hash=fields["weights_hash"],
        dim=fields["dim"],
        parameters=fields["parameters"],
        blocks=tuple(fields["blocks"]),
        layers=tuple(fields["layers"]),
        labels=None if labels is None else tuple(labels),
        space=_space_from_json(fields["space"]),
        towers=tuple(fields.get("towers", ())),
        multiply_adds=fields.get("multiply_adds"),
        layer_shapes={name: tuple(shape) for name, shape in shapes.items()},
        taps=dict(fields.get("taps", {})),
        input_sizes=wire.input_sizes_from_json(sizes),
        head_output=None if output is None else (output[0], output[1]),
    )


def _space_from_json(fields: wire.Header) -> Space:
    towers = tuple(_tower_from_json(tower) for tower in fields["towers"])
    return Space(**{**fields, "towers": towers})


def _tower_from_json(fields: wire.Header) -> TowerSpace:
    preprocessing = wire.any_preprocessing_from_json(fields["preprocessing"])
    return TowerSpace(**{**fields, "preprocessing": preprocessing})
