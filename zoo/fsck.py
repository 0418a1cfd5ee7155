"""Checking a home without a service: every row's file is there, whole, and what it should be."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from zoo.catalog import Catalog, collections, contents, features, models, open_unpooled, soundness
from zoo.catalog.engines import sqlite_path
from zoo.catalog.records import ContentRecord
from zoo.errors import DamagedError, StartError, UnavailableError
from zoo.settings import Settings
from zoo.storage.blobs import BlobStore, file_sha256, open_blobs
from zoo.storage.packs import read_content
from zoo.storage.references import REFERENCE, ReferringBlobs, is_reference

PAGE = 1000


def check_home(settings: Settings) -> list[str]:
    """Everything that is wrong with a home, a sentence each; nothing is changed."""
    path = sqlite_path(settings.resolved_database_url)
    if path is not None and not path.exists():
        return [f"there is no catalog at {path}; `zoo up` makes a home"]
    try:
        importlib.import_module("zoo_migrations").check(settings.resolved_database_url)
    except StartError as error:
        return [error.detail]
    with closing(open_unpooled(settings.resolved_database_url)) as catalog:
        try:
            return list(dict.fromkeys(_problems(catalog, open_blobs(settings))))
        except UnavailableError as error:  # what cannot be reached is not damaged
            raise StartError(error.detail) from error


def _problems(catalog: Catalog, blobs: BlobStore) -> Iterator[str]:
    try:
        yield from _rows(catalog)
        yield from _files(catalog, blobs)
        yield from _contents(catalog, blobs)
    except DamagedError as error:  # of the database itself: there is nothing to go by
        yield error.detail


def _rows(catalog: Catalog) -> Iterator[str]:
    with catalog.read() as session:
        soundness.take_time(session)
        for problem in soundness.integrity_problems(session):
            yield f"the database is damaged: {problem}"
        for key, sha256 in soundness.features_beyond_segment(session):
            yield f"the embedding of content {sha256} lies past the end of {key}"
        for name, item_id in soundness.items_without_vector(session):
            yield f"item {item_id} of collection {name!r} has no embedding"


def _files(catalog: Catalog, blobs: BlobStore) -> Iterator[str]:
    with catalog.read() as session:
        files = [(segment.key, segment.sha256) for segment in features.list_segments(session)]
        files += models.all_version_blobs(session)
        files += collections.list_snapshots(session)
        files += soundness.extracted_files(session)
    for key, sha256 in files:
        try:
            is_whole = file_sha256(blobs.local_path(key)) == sha256
        except (DamagedError, OSError):
            yield f"{key} is missing"
            continue
        if not is_whole:
            yield f"{key} is damaged: its sha256 is not {sha256}"


def _contents(catalog: Catalog, blobs: BlobStore) -> Iterator[str]:
    after = ""
    while True:
        with catalog.read() as session:
            page = contents.iter_contents(session, after=after, limit=PAGE)
        for content in page:
            try:
                read_content(_with_folder_of(blobs, content), content)
            except DamagedError as error:
                yield error.detail
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
