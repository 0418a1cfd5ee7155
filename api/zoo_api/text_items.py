"""Texts sent as JSON to become items: each is kept as a file of its own would be."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Literal

from flask import request
from pydantic import StringConstraints

from zoo.errors import InvalidError, TextError
from zoo.jobs.intake import Arrival, Delivery
from zoo.storage.packs import PackWriter, open_packs
from zoo.texts import encode_text, title_of
from zoo_api.reading import Closed
from zoo_api.said import Metadata, Name
from zoo_api.services import services
from zoo_api.unowned import await_owner
from zoo_api.uploads import Received

MAX_TEXTS = 10_000
Split = Literal["train", "validation", "test"]
ItemId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]


@dataclass(frozen=True, kw_only=True)
class GivenText(Closed):
    """A text with what is known of it; what has the same id is replaced."""

    text: str
    id: ItemId | None = None
    name: Name | None = None  # by itself its first words
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TextItem(GivenText):
    """A text that becomes an item."""

    label: Name | None = None


@dataclass(frozen=True, kw_only=True)
class TextExample(GivenText):
    """A text that becomes an example."""

    label: Name
    split: Split | None = None


def receive_texts(given: Sequence[TextItem | TextExample]) -> Received:
    """Keep the texts; one that cannot be read is a failed arrival, as a file would be."""
    _check_ids([one.id for one in given if one.id is not None])
    parts = services()
    with open_packs(parts.catalog, parts.blobs, parts.settings) as writer:
        arrivals = [_arrive(writer, one) for one in given]
        written = writer.commit()
    await_owner(written.packs)
    whole = json.dumps([request.path, *(asdict(one) for one in given)], sort_keys=True)
    return Received(
        delivery=Delivery(arrivals=arrivals, packs=written.packs, contents=written.contents),
        fingerprint=hashlib.sha256(whole.encode()).hexdigest(),
        fields={},
    )


def _check_ids(ids: Sequence[str]) -> None:
    repeated = [name for name, n in Counter(ids).items() if n > 1]
    if repeated:
        raise InvalidError(
            f"item id {repeated[0]!r} is given more than once; ids should differ",
            code="repeated_id",
            field="items",
        )


def _arrive(writer: PackWriter, one: TextItem | TextExample) -> Arrival:
    name = one.name or title_of(one.text)
    try:
        sha256 = writer.add(encode_text(one.text)).sha256
    except TextError as error:
        return Arrival(name=name, item_id=one.id, error=(error.code, error.detail))
    return Arrival(
        name=name,
        sha256=sha256,
        item_id=one.id,
        label=one.label,
        split=one.split if isinstance(one, TextExample) else None,
        metadata=one.metadata,
    )
