"""Taking files in: streamed from the socket into packs, archives into blobs of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from flask import request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
)

from zoo.errors import InvalidError
from zoo.faults import Point, reach
from zoo.images.archives import HEAD_BYTES, is_archive
from zoo.images.attributes import name_of
from zoo.images.formats import media_type
from zoo.images.sources.manifests import manifest_format
from zoo.jobs.intake import Arrival, ArrivedArchive, Delivery
from zoo.names import new_id
from zoo.storage.blobs import out_of_room
from zoo.storage.packs import PackPart, PackWriter, open_packs
from zoo_api.forms import malformed
from zoo_api.services import services
from zoo_api.unowned import await_owner

CHUNK_BYTES = 1 << 20
"""What is read at once: as much as the server reads ahead, or it copies that each time."""
PIECE_BYTES = 1 << 16
"""What a form's decoder is given at once: it searches all that it holds for each part's end."""
FILES = "files"
FIELDS_BYTES = 1 << 20
"""What all form fields beside the files may take."""
TABLES: Mapping[str, str] = {
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
}
"""How a bare body of a type is written where manifests are taken, whatever it is called."""
RAW_TYPES = frozenset(
    {
        "application/zip",
        "application/x-zip-compressed",
        "application/x-tar",
        "application/gzip",
        "application/x-gzip",
        "application/octet-stream",
        "text/plain",
    }
)


@dataclass(frozen=True, kw_only=True)
class Received:
    """What a request brought, durable; `fingerprint` tells a repeated request."""

    delivery: Delivery
    fingerprint: str
    fields: Mapping[str, str]


def receive_delivery(*, with_manifests: bool = False) -> Received:
    """Take in all files of a request: the parts of a form, or the bare body.

    With manifests, files that are named as tables of texts are kept whole, as archives are.

    415 for another body, 413 for one beyond the limits, 422 `no_files` without a file; what is
    wrong with a single file makes it a failed arrival.
    """
    parts = services()
    settings = parts.settings
    if (request.content_length or 0) > settings.max_request_bytes:
        raise RequestEntityTooLarge(f"a request has at most {settings.max_request_bytes} bytes")
    spool = settings.home / "tmp"
    spool.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        writer = stack.enter_context(open_packs(parts.catalog, parts.blobs, settings))
        intake = _Intake(
            writer, spool, max_bytes=settings.max_image_bytes, with_manifests=with_manifests
        )
        stack.callback(intake.clean)
        fields = _read_body(intake)
        return _delivered(intake, writer, fields)


def _read_body(intake: _Intake) -> Mapping[str, str]:
    if request.mimetype == "multipart/form-data":
        return _read_form(intake)
    form = TABLES.get(request.mimetype) if intake.with_manifests else None
    if form or request.mimetype in RAW_TYPES or request.mimetype.startswith("image/"):
        name = request.args.get("name") or (f"upload.{form}" if form else "upload")
        upload = intake.begin(name, form=form)
        for chunk in _chunks():
            upload.write(chunk)
        upload.settle()
        return request.args.to_dict()
    tables = ", a table (text/csv, application/x-ndjson)" if intake.with_manifests else ""
    raise UnsupportedMediaType(
        f"the body is {request.mimetype or 'of no media type'}; send multipart/form-data, "
        f"an archive (application/zip, application/x-tar){tables}, an image or text/plain"
    )


def _read_form(intake: _Intake) -> Mapping[str, str]:
    boundary = request.mimetype_params.get("boundary", "").encode("latin-1", "replace")
    if not boundary:
        raise InvalidError("the multipart body names no boundary", code="malformed_multipart")
    form = _Form(intake)
    try:
        for event in _events(boundary):
            form.take(event)
    except ValueError as error:
        raise malformed(error) from error
    return {**request.args.to_dict(), **form.fields}


def _events(boundary: bytes) -> Iterator[Event]:
    limit = services().settings.max_parts
    decoder = _Decoder(boundary, max_form_memory_size=FIELDS_BYTES, max_parts=limit)
    for chunk in chain(_pieces(), [None]):
        decoder.receive_data(chunk)
        try:
            while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
                yield event
        except RequestEntityTooLarge as error:
            raise RequestEntityTooLarge(
                f"a request has at most {limit} parts; send archives, or several requests"
            ) from error


class _Decoder(MultipartDecoder):
    """Reads names in any encoding: one that is not UTF-8 loses letters, not the whole request."""

    def _parse_headers(self, head: bytes | bytearray) -> Headers:
        return super()._parse_headers(head.decode(errors="replace").encode())


def _pieces() -> Iterator[bytes]:
    """The body in pieces that the decoder looks through quickly."""
    for chunk in _chunks():
        for start in range(0, len(chunk), PIECE_BYTES):
            yield chunk[start : start + PIECE_BYTES]


def _chunks() -> Iterator[bytes]:
    limit = services().settings.max_request_bytes
    total = 0
    while chunk := request.stream.read(CHUNK_BYTES):
        total += len(chunk)
        if total > limit:
            raise RequestEntityTooLarge(f"a request has at most {limit} bytes")
        yield chunk


def _delivered(intake: _Intake, writer: PackWriter, fields: Mapping[str, str]) -> Received:
    if not intake.uploads:
        raise InvalidError(
            "the request holds no file; send parts named 'files', or an archive", code="no_files"
        )
    written = writer.commit()
    await_owner(written.packs)
    archives = [_keep_archive(upload) for upload in intake.uploads if upload.archive]
    reach(services().settings, Point.UPLOAD_STORED)
    arrivals = [upload.arrival() for upload in intake.uploads if not upload.archive]
    files = [(upload.name, upload.sha256) for upload in intake.uploads]
    whole = json.dumps([request.path, sorted(fields.items()), files])
    return Received(
        delivery=Delivery(
            arrivals=arrivals,
            packs=written.packs,
            contents=written.contents,
            archives=archives,
        ),
        fingerprint=hashlib.sha256(whole.encode()).hexdigest(),
        fields=fields,
    )


def _keep_archive(upload: Upload) -> ArrivedArchive:
    key = f"archives/{new_id('archive')}"
    await_owner([key])
    if upload.archive:
        services().blobs.put(key, upload.archive)
    return ArrivedArchive(name=upload.name, key=key, form=upload.form)


class _Intake:
    """The files of one request, one after the other."""

    def __init__(
        self, writer: PackWriter, spool: Path, *, max_bytes: int, with_manifests: bool
    ) -> None:
        self.uploads: list[Upload] = []
        self.with_manifests = with_manifests
        self.writer = writer
        self.spool = spool
        self.max_bytes = max_bytes

    def begin(self, name: str, *, form: str | None = None) -> Upload:
        """The next file, with how it is written if it is a manifest and that was said."""
        upload = Upload(self, name, form=form)
        self.uploads.append(upload)
        return upload

    def clean(self) -> None:
        """Remove the spooled archives that were not kept."""
        for upload in self.uploads:
            upload.clean()


class _Form:
    """The parts of a form as they come: files into the intake, the others into `fields`."""

    def __init__(self, intake: _Intake) -> None:
        self.fields: dict[str, str] = {}
        self._intake = intake
        self._open: Upload | str = ""
        self._value = bytearray()
        self._fields_bytes = 0

    def take(self, event: Event) -> None:
        """The next thing that the body holds."""
        if isinstance(event, File):
            self._open = self._intake.begin(event.filename)
        elif isinstance(event, Field):
            self._open = self._begin(event)
        elif isinstance(event, Data):
            self._write(event.data, is_last=not event.more_data)

    def _begin(self, field: Field) -> Upload | str:
        name: str | None = field.name  # whatever the decoder says of it
        if name is None:
            raise ValueError("a part has no name")
        # A file is one also where the sender gives it none.
        return self._intake.begin("") if name == FILES else name

    def _write(self, chunk: bytes, *, is_last: bool) -> None:
        if isinstance(self._open, Upload):
            self._open.write(chunk)
            if is_last:
                self._open.settle()
            return
        self._fields_bytes += len(chunk)
        if self._fields_bytes > FIELDS_BYTES:
            raise RequestEntityTooLarge(f"the form's fields have more than {FIELDS_BYTES} bytes")
        self._value += chunk
        if is_last:
            self.fields.setdefault(self._open, self._value.decode(errors="replace"))
            self._value.clear()


class Upload:
    """One file on its way in; its first bytes decide whether it is an archive."""

    def __init__(self, intake: _Intake, name: str, *, form: str | None = None) -> None:
        self.name = name_of(name)  # thousands are held until the request has ended
        self._said = form
        self.archive: Path | None = None
        self.form: str | None = None  # of a manifest
        self._intake = intake
        self._hash = hashlib.sha256()
        self._head = bytearray()
        self._size_bytes = 0
        self._part: PackPart | None = None
        self._spool: BinaryIO | None = None
        self._is_kept = False

    @property
    def sha256(self) -> str:
        """sha256 (hex) of what came."""
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._hash.update(chunk)
        self._size_bytes += len(chunk)
        if self._part or self._spool:
            self._pass_on(chunk)
            return
        self._head += chunk
        if len(self._head) >= HEAD_BYTES:
            self._decide()

    def settle(self) -> None:
        """The end of the file: store what it was."""
        if not self._part and not self._spool and self._head:
            self._decide()
        if self._spool:
            with _room_for_archive():
                self._spool.close()
        if self._part:
            self._settle(self._part)

    def arrival(self) -> Arrival:
        """What became of a file that is no archive."""
        if self._is_kept:
            return Arrival(name=self.name, sha256=self.sha256)
        if not self._size_bytes:
            return Arrival(name=self.name, error=("empty_file", "the file is empty"))
        limit = self._intake.max_bytes
        detail = f"the file has {self._size_bytes} bytes; at most {limit} are read"
        return Arrival(name=self.name, error=("file_too_large", detail))

    def clean(self) -> None:
        """Close and remove what was spooled and not kept."""
        if self._spool:
            with suppress(OSError):  # no room for the last bytes, which nobody wants any more
                self._spool.close()
        if self.archive:
            self.archive.unlink(missing_ok=True)

    def _decide(self) -> None:
        is_packed = is_archive(bytes(self._head))
        is_picture = media_type(bytes(self._head)) is not None  # under any name
        if not is_packed and not is_picture and self._intake.with_manifests:
            self.form = self._said or manifest_format(self.name)
        if is_packed or self.form:
            self.archive = self._intake.spool / new_id("archive")
            with _room_for_archive():
                self._spool = self.archive.open("wb")
        else:
            self._part = self._intake.writer.begin()
        self._pass_on(bytes(self._head))
        self._head.clear()

    def _pass_on(self, chunk: bytes) -> None:
        if self._part and self._size_bytes <= self._intake.max_bytes:
            self._part.write(chunk)
        if self._spool:
            with _room_for_archive():
                self._spool.write(chunk)

    def _settle(self, part: PackPart) -> None:
        if self._size_bytes > self._intake.max_bytes:
            part.discard()
            return
        part.finish()
        self._is_kept = True


@contextmanager
def _room_for_archive() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise out_of_room("the archive", error) from error
