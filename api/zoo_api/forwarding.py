"""Forwarding the pictures of one request through the predictor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import structlog

from zoo.catalog import models as catalog_models
from zoo.catalog.records import ModelRecord, VersionRecord
from zoo.errors import ConflictError, ContentError, DamagedError, UnavailableError
from zoo.predictor import BackboneDetail, BackboneRef, FloatArray, HeadRef, Label, to_ref
from zoo.registry.models import is_own, resolve_version
from zoo.space import FLOAT32, split_precision
from zoo_api.backbones import backbone_under, ready_backbone
from zoo_api.pictures import check_bytes
from zoo_api.problems import FieldsError
from zoo_api.services import services

Answer = TypeVar("Answer")

log = structlog.get_logger()


class PicturesError(FieldsError):
    """Pictures that cannot be read, by the fields that they came in; the first gives the code."""

    def __init__(self, failed: Sequence[tuple[str, ContentError]]) -> None:
        field, first = failed[0]
        super().__init__(
            f"{field}: {first.detail}",
            fields=[
                {"field": name, "message": error.detail, "code": error.code}
                for name, error in failed
            ],
        )
        self.code = first.code


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a request's `model` names: a backbone, and the user's version on top of it if any."""

    backbone: ModelRecord
    detail: BackboneDetail
    version: VersionRecord | None

    @property
    def name(self) -> str:
        """As answered: `pets:3`, or the backbone's full name with its weights tag."""
        return self.version.name if self.version else self.backbone.name

    @property
    def ref(self) -> BackboneRef:
        """The backbone as the predictor knows it."""
        return to_ref(self.backbone, space_id=self.detail.space.space_id)

    @property
    def head(self) -> HeadRef | None:
        """The version's classifier."""
        version = self.version
        return HeadRef(blob_key=version.blob_key, sha256=version.sha256) if version else None


def resolve_asked(name: str) -> Asked:
    """What a request's `model` names; in another precision a version is its network alone."""
    if not is_own(name) or split_precision(name)[1] != FLOAT32:
        backbone, detail = ready_backbone(name)
        return Asked(backbone=backbone, detail=detail, version=None)
    with services().catalog.read() as session:
        version = resolve_version(session, name)
    return _of_version(version)


def warm(version: VersionRecord) -> None:
    """Have the predictor load a version; raises what asking it would, if it answers at all.

    A predictor that does not answer now keeps nobody from naming a version: it loads it later.
    """
    try:
        asked = _of_version(version)
        with _naming_damage(asked):
            services().predictor.warm(asked.ref, head=asked.head)
    except UnavailableError as error:
        log.warning("not_warmed", model=version.model, version=version.version, code=error.code)


def classifier_graph(version: VersionRecord) -> memoryview:
    """A version as one ONNX graph; raises as the predictor's `graph` does."""
    asked = _of_version(version)
    head = HeadRef(blob_key=version.blob_key, sha256=version.sha256)
    with _naming_damage(asked):
        return services().predictor.graph(asked.ref, head=head, name=version.name)


def _of_version(version: VersionRecord) -> Asked:
    backbone, detail = backbone_under(version)
    check_space(detail, version.space_id, owner=f"model {version.name}")
    return Asked(backbone=backbone, detail=detail, version=version)


def check_space(detail: BackboneDetail, space_id: str, *, owner: str) -> None:
    """Refuse to compare across spaces: the backbone's must still be the one of `owner`."""
    now = detail.space.space_id
    if now != space_id:
        raise ConflictError(
            f"{owner} lives in the space {space_id[:12]}, its backbone now embeds into "
            f"{now[:12]}; the two cannot be compared",
            code="incompatible_space",
        )


def embed_images(
    ref: BackboneRef, images: Sequence[bytes], *, fields: Sequence[str]
) -> list[FloatArray]:
    """One vector `(dim,)` an image; `PicturesError` naming each that cannot be read."""
    if not images:
        return []
    check_all([check_bytes(image) for image in images], fields)
    return _readable(services().predictor.embed(ref, images), fields)


def classify_images(
    asked: Asked, images: Sequence[bytes], *, fields: Sequence[str], top_k: int
) -> list[list[Label]]:
    """The best labels of each image; `PicturesError` naming each that cannot be read."""
    if not images:
        return []
    check_all([check_bytes(image) for image in images], fields)
    with _naming_damage(asked):
        answers = services().predictor.classify(asked.ref, images, head=asked.head, top_k=top_k)
    return _readable(answers, fields)


def classify_texts(
    asked: Asked, texts: Sequence[str], *, fields: Sequence[str], top_k: int
) -> list[list[Label]]:
    """The best labels of each text; `PicturesError` naming each that cannot be read."""
    if not texts:
        return []
    with _naming_damage(asked):
        answers = services().predictor.classify_texts(
            asked.ref, texts, head=asked.head, top_k=top_k
        )
    return _readable(answers, fields)


@contextmanager
def _naming_damage(asked: Asked) -> Iterator[None]:
    """Say of a damaged file which version it is, and which one there was before."""
    try:
        yield
    except DamagedError as error:
        if asked.version is None:
            raise
        name, number = asked.version.model, asked.version.version
        with services().catalog.read() as session:
            before = catalog_models.list_versions(session, name, before=number, limit=1)
        instead = f"use {name}:{before[0].version}, or " if before else ""
        raise DamagedError(
            f"{asked.name} is refused: {error.detail}; {instead}restore the file from a backup",
            code=error.code,
        ) from error


def _readable(answers: Sequence[Answer | ContentError], fields: Sequence[str]) -> list[Answer]:
    check_all(answers, fields)
    return [answer for answer in answers if not isinstance(answer, ContentError)]


def check_all(answers: Sequence[object], fields: Sequence[str]) -> None:
    """Raise `PicturesError` for the answers that are errors, by the fields they came in."""
    failed = [
        (field, answer)
        for field, answer in zip(fields, answers, strict=True)
        if isinstance(answer, ContentError)
    ]
    if failed:
        raise PicturesError(failed)
