"""Files of record: each is there, and its bytes are those that the catalog knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from zoo.catalog import Session, collections, contents, features, models, soundness
from zoo.catalog.records import ContentRecord
from zoo.errors import DamagedError
from zoo.fsck.problems import OpenHome, Problem
from zoo.fsck.remaking import forget_segment, forget_snapshot, mark_lost
from zoo.search.manifests import IndexFile, read_manifest
from zoo.storage.blobs import BlobStore, file_sha256
from zoo.storage.packs import read_content
from zoo.storage.references import REFERENCE, ReferringBlobs, is_reference

PAGE = 1000
NAMED = 3
"""Items that a sentence names at most."""
REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "versions": "restore it from a backup, or fine-tune again and move the aliases",
        "features": "run the extract job again",
    }
)
"""What to do about a damaged file that nothing can be made of, by its folder."""


class Look(Protocol):
    """Collection and id of items that need a file."""

    def __call__(self, session: Session, key: str, /, *, limit: int) -> list[tuple[str, str]]:
        """At most `limit` of them."""
        ...


def damaged_files(home: OpenHome) -> Iterator[Problem]:
    """Segments, versions, snapshots and extracted features that are missing or damaged."""
    with home.catalog.read() as session:
        segments = features.list_segments(session)
        snapshots = collections.list_snapshots(session)
        files = [*models.all_version_blobs(session), *soundness.extracted_files(session)]
    for segment in segments:
        if fault := _fault(home.blobs, segment.key, segment.sha256):
            held = _named(soundness.items_in_segment, home, segment.key)
            sentence = f"{fault}; it holds the embeddings of {held or 'no item'}"
            yield Problem(sentence=sentence, repair=partial(forget_segment, home, segment))
    for snapshot in snapshots:
        for file in files_of_index(home.blobs, IndexFile(key=snapshot[0], sha256=snapshot[1])):
            if fault := _fault(home.blobs, file.key, file.sha256):
                repair = partial(forget_snapshot, home, snapshot[0])
                yield Problem(sentence=fault, repair=repair)
    for key, sha256 in files:
        if fault := _fault(home.blobs, key, sha256):
            yield Problem(sentence=f"{fault}; {REMEDIES[key.partition('/')[0]]}")


def files_of_index(blobs: BlobStore, manifest: IndexFile) -> Iterator[IndexFile]:
    """The manifest of an index, and its parts as far as it can be read."""
    yield manifest
    with suppress(DamagedError, OSError):
        yield from (part.file for part in read_manifest(blobs, manifest))


def _fault(blobs: BlobStore, key: str, sha256: str) -> str:
    try:
        is_whole = file_sha256(blobs.local_path(key)) == sha256
    except (DamagedError, OSError):
        return f"{key} is missing"
    return "" if is_whole else f"{key} is damaged: its sha256 is not {sha256}"


def _named(look: Look, home: OpenHome, key: str) -> str:
    """Some of the items that a file is needed for."""
    with home.catalog.read() as session:
        found = look(session, key, limit=NAMED + 1)
    names = [f"item {item_id} of collection {name!r}" for name, item_id in found[:NAMED]]
    return ", ".join([*names, *(["others"] if len(found) > NAMED else [])])


def damaged_contents(home: OpenHome) -> Iterator[Problem]:
    """Originals, in packs or by reference, that are not what was taken in."""
    after = ""
    while True:
        with home.catalog.read() as session:
            page = contents.iter_contents(session, after=after, limit=PAGE)
        for content in page:
            try:
                read_content(_with_folder_of(home.blobs, content), content)
            except DamagedError as error:
                yield _lost(home, content, error.detail)
        if len(page) < PAGE:
            return
        after = page[-1].sha256


def _lost(home: OpenHome, content: ContentRecord, detail: str) -> Problem:
    held = _named(soundness.items_of_content, home, content.sha256)
    sentence = f"{detail}; it is the original of {held}" if held else detail
    if is_reference(content.pack_key):
        return Problem(sentence=sentence)
    return Problem(sentence=sentence, repair=partial(mark_lost, home, content))


def _with_folder_of(blobs: BlobStore, content: ContentRecord) -> BlobStore:
    """The store, with leave to read an original by reference wherever it stands.

    Whoever checks a home needs no settings of the service that filled it.
    """
    if not is_reference(content.pack_key):
        return blobs
    folder = Path(content.pack_key.removeprefix(REFERENCE)).parent
    return ReferringBlobs(blobs, roots=[folder])
