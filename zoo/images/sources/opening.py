"""From the path or URL that a request names to what it gives; refuses what is not allowed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from zoo.errors import InvalidError
from zoo.images.archives import FailedMember
from zoo.images.sources.entries import BY_ID, Entry, FoundFile, Place
from zoo.images.sources.folders import LocalFolder
from zoo.images.sources.manifests import (
    BadRow,
    Row,
    manifest_format,
    read_manifest,
    text_member,
)
from zoo.settings import Settings
from zoo.storage.confined import open_folder
from zoo.storage.references import AllowedPath, allowed_path

PARQUET_MAGIC = b"PAR1"
NOT_OFFERED = frozenset({"http", "https", "file", "local"})


@dataclass(frozen=True, kw_only=True)
class OpenedSource:
    """A folder, or one file in it: a manifest, an archive or a picture."""

    place: Place
    only: str = ""  # the file's name; empty where the source is the whole folder
    form: str | None = None  # of a manifest

    def entries(self, *, after: str = "") -> Iterator[Entry]:
        """What it gives, after a position; raises `InvalidError` for an unreadable manifest."""
        if not self.only:
            return self.place.walk(after=after)
        if self.form:
            return self._listed(self.form, skip=int(after or 0))
        return iter([] if after else [self._single()])

    def _single(self) -> Entry:
        return Entry(position=self.only, name=self.only, file=self.place.find(self.only))

    def _listed(self, form: str, *, skip: int) -> Iterator[Entry]:
        with self.place.open(self.only) as file:
            for row in read_manifest(file, form, skip=skip):
                yield self._row(row)

    def _row(self, row: Row | BadRow) -> Entry:
        line = f"{self.only}:{row.line}"
        if isinstance(row, BadRow):
            bad = FailedMember(name=line, code="invalid_manifest_row", detail=row.detail)
            return Entry(position=str(row.number), name=line, file=bad)
        item_id = row.attributes.item_id
        place = row.name if row.text is not None else f"path:{row.path}"
        return Entry(
            position=str(row.number),
            name=f"{BY_ID}{item_id}" if item_id else place,
            file=self._named(row, line) if row.text is None else text_member(row),
            attributes=row.attributes,
        )

    def _named(self, row: Row, line: str) -> FoundFile | FailedMember:
        try:
            return self.place.find(row.path)
        except InvalidError as error:
            detail = f"{error.detail} ({line})"
            return FailedMember(name=row.path, code=error.code, detail=detail)


def open_path(path: str, settings: Settings) -> OpenedSource:
    """The source at a path of this machine.

    Raises `InvalidError` with code `source_not_allowed` for a path that is not below an allowed
    root, whether it exists or not, and `source_not_found` for one where nothing plain is.
    """
    if not path.startswith("/"):
        raise InvalidError(f"{path[:200]!r} is not an absolute path", code="source_not_found")
    allowed = allowed_path(path, settings.allowed_root_folders)
    if _is_folder(allowed):
        return OpenedSource(place=LocalFolder(allowed.root, allowed.parts))
    return _one_file(LocalFolder(allowed.root, allowed.parts[:-1]), path)


def open_url(
    url: str, settings: Settings, *, feed: Callable[[], object] = lambda: None
) -> OpenedSource:
    """The source at a URL that fsspec speaks; same codes, and `unsupported_url`.

    `feed` is called now and then while a file is fetched, which may be of any size.
    """
    check_url(url, settings)
    try:
        # By name: fsspec is an extra's, and a folder of this machine needs none.
        remote = import_module("zoo.images.sources.remote")
        spool = settings.home / "tmp"
        folder = remote.RemoteFolder(url, spool=spool, feed=feed)
        if folder.is_folder():
            return OpenedSource(place=folder)
        parent = url.rstrip("/").rpartition("/")[0]
        return _one_file(remote.RemoteFolder(parent, spool=spool, feed=feed), url)
    except (ImportError, ValueError) as error:
        raise InvalidError(
            f"{url[:200]!r} is of a protocol that cannot be spoken: {error}; "
            "for S3: pip install 'featurezoo[s3]'",
            code="unsupported_url",
        ) from error


def check_url(url: str, settings: Settings) -> None:
    """Refuse a URL that is not below an allowed one, or whose protocol is not offered."""
    scheme = urlsplit(url).scheme
    if not scheme or "::" in url or scheme in NOT_OFFERED:
        raise InvalidError(
            f"{url[:200]!r} cannot be a source; give an address as s3://bucket/folder, "
            "or a path of this machine",
            code="unsupported_url",
        )
    climbs = {".", ".."} & {*url.split("/")} or "\0" in url
    if climbs or not f"{url.rstrip('/')}/".startswith(settings.allowed_url_prefixes):
        raise InvalidError(
            f"{url[:200]!r} is not below a URL that sources may name; "
            "ZOO_ALLOWED_URLS says which are",
            code="source_not_allowed",
        )


def _is_folder(allowed: AllowedPath) -> bool:
    try:
        os.close(open_folder(allowed.root, allowed.parts))
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP) and allowed.parts:
            return False
        raise _not_found(
            str(allowed.root.joinpath(*allowed.parts)), str(error.strerror)
        ) from error
    return True


def _one_file(place: Place, location: str) -> OpenedSource:
    name = PurePosixPath(location).name
    try:
        file = place.find(name)
    except InvalidError as error:
        raise _not_found(location, error.detail) from error
    form = manifest_format(name)
    if form is None:
        with suppress(InvalidError):  # the scan itself says of one that cannot be read
            is_parquet = place.read(file, len(PARQUET_MAGIC)) == PARQUET_MAGIC
            form = "parquet" if is_parquet else None
    return OpenedSource(place=place, only=name, form=form)


def _not_found(location: str, reason: str) -> InvalidError:
    return InvalidError(
        f"nothing can be read at {location[:200]!r}: {reason}; links are not followed",
        code="source_not_found",
    )
