"""The API on a real catalog and real blobs, with a predictor that reads vectors as pictures."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tests.stock import Stock, Vector
from zoo.backbone import Preprocessing
from zoo.catalog import Catalog, models, plugins
from zoo.catalog.records import VersionRecord
from zoo.errors import DamagedError, ImageError, UnavailableError
from zoo.predictor import BackboneDetail, BackboneRef, HeadRef, Label, detail_to_json
from zoo.space import Space, TowerSpace

PREPROCESSING = Preprocessing(
    input_size=(8, 8),
    resize=8,
    interpolation="bilinear",
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
)
TOWER = TowerSpace(tower="image", layer="", pooling="native", preprocessing=PREPROCESSING)
SMALL_JPEG = b"\xff\xd8\xffsmall"


def picture(*vector: float) -> bytes:
    """Bytes that the fake predictor embeds as just this vector."""
    return b"PIC" + json.dumps(vector).encode()


def data_uri(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def to_detail(ref: BackboneRef) -> BackboneDetail:
    space = Space(weights_hash=ref.name, architecture=ref.architecture, towers=(TOWER,))
    return BackboneDetail(
        weights_hash=ref.name,
        dim=4,
        parameters=9,
        blocks=("a",),
        layers=("a",),
        labels=("cat", "dog") if ref.weights == "in1k" else None,
        space=space,
    )


@dataclass
class FakePredictor:
    """Stands in for the process with the models; `heads` notes the classifiers asked for."""

    heads: list[HeadRef | None]
    damaged: set[str] = field(default_factory=set)  # keys of heads
    is_down: bool = False

    def warm(self, _backbone: BackboneRef, *, head: HeadRef | None) -> None:
        if head is not None and head.blob_key in self.damaged:
            raise DamagedError(f"the head {head.blob_key!r} is damaged")
        if self.is_down:
            raise UnavailableError("nobody answers", code="predictor_unavailable")
        self.heads.append(head)

    def detail(self, backbone: BackboneRef) -> BackboneDetail:
        return to_detail(backbone)

    def embed(self, _backbone: BackboneRef, images: Sequence[bytes]) -> list[Vector | ImageError]:
        return [_read(image) for image in images]

    def classify(
        self,
        _backbone: BackboneRef,
        images: Sequence[bytes],
        *,
        head: HeadRef | None,
        top_k: int,
    ) -> list[list[Label] | ImageError]:
        self.heads.append(head)
        best = [Label(label="cat", probability=0.75), Label(label="dog", probability=0.25)]
        read = [_read(image) for image in images]
        return [one if isinstance(one, ImageError) else best[:top_k] for one in read]

    def thumbnail(self, _content: bytes, *, size: int) -> bytes:
        return SMALL_JPEG + str(size).encode()

    def is_alive(self) -> bool:
        return not self.is_down


def _read(image: bytes) -> Vector | ImageError:
    if not image.startswith(b"PIC"):
        return ImageError("the bytes are no picture")
    return np.array(json.loads(image[3:]), np.float32)


def register_tiny(catalog: Catalog) -> None:
    """The backbone `lite.tiny` with the weights in1k (native head), bare and random."""
    tags = ("in1k", "bare", "random")
    described = [
        {
            "name": f"lite.tiny.{tag}",
            "architecture": "tiny",
            "weights_tag": tag,
            "is_default": tag == "in1k",
            "card": {},
        }
        for tag in tags
    ]
    with catalog.write() as session:
        plugins.expect_plugin(
            session, "lite", distribution="x", version="1", state="pending", reason=""
        )
        plugins.describe_plugin(session, "lite", state="ready", reason="", models=described)


def register_pets(
    catalog: Catalog, *, job_id: str, space_id: str = "", **columns: object
) -> VersionRecord:
    """The next version of the user's model `pets`, on `lite.tiny.bare` if not told otherwise."""
    ref = BackboneRef(plugin="lite", architecture="tiny", weights="bare")
    with catalog.write() as session:
        return models.add_version(
            session,
            "pets",
            card={},
            values={
                "backbone": ref.name,
                "space_id": space_id or to_detail(ref).space.space_id,
                "blob_key": f"versions/{job_id}",
                "sha256": "0" * 64,
                "size_bytes": 1,
                "labels": ["cat", "dog"],
                "lineage": {},
                "metrics": {},
                "job_id": job_id,
                **columns,
            },
        )


def network_columns(key: str) -> dict[str, object]:
    """What a version has besides if its network, a blob under this key, was tuned with it."""
    ref = BackboneRef(plugin="lite", architecture=key, weights="tuned")
    return {
        "weights_key": key,
        "weights_sha256": "1" * 64,
        "weights_size_bytes": 1,
        "detail": detail_to_json(to_detail(ref)),
        "space_id": to_detail(ref).space.space_id,
    }


def tiny_stock(stock: Stock) -> Stock:
    """The same stock in the space of `lite.tiny.in1k`."""
    ref = BackboneRef(plugin="lite", architecture="tiny", weights="in1k")
    space_id = to_detail(ref).space.space_id
    return Stock(catalog=stock.catalog, blobs=stock.blobs, space_id=space_id)
