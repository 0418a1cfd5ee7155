"""Files of record: each is there, and its bytes are those that the catalog knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from zoo.catalog import collections, contents, features, models, soundness
from zoo.catalog.records import ContentRecord
from zoo.errors import DamagedError
from zoo.fsck.problems import OpenHome, Problem
from zoo.search.manifests import IndexFile, read_manifest
from zoo.storage.blobs import BlobStore, file_sha256
from zoo.storage.packs import read_content
from zoo.storage.references import REFERENCE, ReferringBlobs, is_reference

PAGE = 1000


def damaged_files(home: OpenHome) -> Iterator[Problem]:
    """Segments, versions, snapshots and extracted features that are missing or damaged."""
    with home.catalog.read() as session:
        files = [(segment.key, segment.sha256) for segment in features.list_segments(session)]
        files += models.all_version_blobs(session)
        snapshots = collections.list_snapshots(session)
        files += soundness.extracted_files(session)
    for key, sha256 in [*files, *snapshots, *_parts(home.blobs, snapshots)]:
        if fault := _fault(home.blobs, key, sha256):
            yield Problem(sentence=fault)


def _parts(blobs: BlobStore, snapshots: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Key and sha256 of the parts of indexes, as far as their manifests can be read."""
    for key, sha256 in snapshots:
        with suppress(DamagedError, OSError):
            for part in read_manifest(blobs, IndexFile(key=key, sha256=sha256)):
                yield part.file.key, part.file.sha256


def _fault(blobs: BlobStore, key: str, sha256: str) -> str:
    try:
        is_whole = file_sha256(blobs.local_path(key)) == sha256
    except (DamagedError, OSError):
        return f"{key} is missing"
    return "" if is_whole else f"{key} is damaged: its sha256 is not {sha256}"


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
                yield Problem(sentence=error.detail)
        if len(page) < PAGE:
            return
        after = page[-1].sha256


def _with_folder_of(blobs: BlobStore, content: ContentRecord) -> BlobStore:
    """The store, with leave to read an original by reference wherever it stands.

    Whoever checks a home needs no settings of the service that filled it.
    """
    if not is_reference(content.pack_key):
        return blobs
    folder = Path(content.pack_key.removeprefix(REFERENCE)).parent
    return ReferringBlobs(blobs, roots=[folder])
