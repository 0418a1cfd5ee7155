"""Tars in WebDataset's layout: members that share a stem are one sample."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from zoo.errors import InvalidError
from zoo.images.archives import FailedMember, Member
from zoo.images.attributes import Attributes, read_attributes
from zoo.names import ITEM_ID

COMPANIONS = frozenset({"cls", "json", "txt"})
"""Endings of members that say something of the picture beside them."""
KEY = "__key__"
"""What WebDataset calls the stem; it stands in the metadata under the same name."""
MOST_HELD = 64
MOST_BYTES_HELD = 100_000_000
"""What of one stem is held at a time; more than that is no sample."""

Given = Member | FailedMember


def join_samples(members: Iterable[Given]) -> Iterator[Given]:
    """The members, with companions gone into the attributes of the pictures beside them.

    Companions stand next to their picture, as WebDataset asks for; members without one come as
    they are. A picture that is alone in its sample has the sample's key as its id.
    """
    for stem, same in groupby(members, key=lambda member: _stem(member.name)):
        yield from _join(stem, same)


def without_key(attributes: Attributes) -> Attributes:
    """The same, but for an id that is the sample's key: tars side by side may count alike."""
    key = PurePosixPath(str(attributes.metadata.get(KEY, ""))).name
    return replace(attributes, item_id=None) if attributes.item_id == key else attributes


def _join(stem: str, same: Iterator[Given]) -> Iterator[Given]:
    held: list[Given] = []
    room = MOST_BYTES_HELD
    for member in same:
        held.append(member)
        room -= len(member.content) if isinstance(member, Member) else 0
        if room < 0 or len(held) > MOST_HELD:
            yield from held
            yield from same
            return
    companions = [one for one in held if isinstance(one, Member) and _ending(one) in COMPANIONS]
    pictures = [one for one in held if _ending(one) not in COMPANIONS]
    if companions and pictures:
        yield from _described(stem, pictures, companions)
    else:
        yield from held


def _described(
    stem: str, pictures: Sequence[Given], companions: Sequence[Member]
) -> Iterator[Given]:
    try:
        attributes = _read_companions(stem, companions, is_alone=len(pictures) == 1)
    except InvalidError as error:
        for one in pictures:
            yield FailedMember(name=one.name, code=error.code, detail=error.detail)
        return
    for one in pictures:
        yield replace(one, attributes=attributes) if isinstance(one, Member) else one


def _read_companions(stem: str, companions: Sequence[Member], *, is_alone: bool) -> Attributes:
    """What companions say; the sample's key is its item's id, if it has one picture."""
    said: dict[str, Any] = {}
    for one in companions:
        said.update(_read_companion(one))
    if is_alone and ITEM_ID.fullmatch(PurePosixPath(stem).name):
        said.setdefault("id", PurePosixPath(stem).name)
    elif not is_alone:
        said.pop("id", None)
    return read_attributes({**said, KEY: stem})


def _read_companion(member: Member) -> Mapping[str, Any]:
    ending = _ending(member)
    try:
        text = member.content.decode()
        if ending == "txt":
            return {"txt": text}
        if ending == "cls":
            return {"label": text.strip()}
        read = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(member, str(error)) from error
    if isinstance(read, dict):
        return {name: value for name, value in read.items() if name != "path"}
    raise _unreadable(member, "it is no JSON object")


def _unreadable(member: Member, reason: str) -> InvalidError:
    return InvalidError(
        f"{member.name}, which describes it, cannot be read: {reason}", code="invalid_manifest_row"
    )


def _stem(name: str) -> str:
    """The path up to the first dot of the file's name."""
    folder, slash, file = name.removeprefix("./").rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"


def _ending(member: Given) -> str:
    """All behind the first dot of the file's name, in small letters."""
    return PurePosixPath(member.name).name.partition(".")[2].lower()
