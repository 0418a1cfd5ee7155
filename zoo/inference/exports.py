"""Backbones exported for an engine that needs no torch: made once a space, verified, kept."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import structlog

from zoo import wire
from zoo.catalog.records import Json
from zoo.errors import DamagedError, ZooError
from zoo.inference.cuts import MOST, PAUSE_S, Cuts
from zoo.inference.engines import PixelArray
from zoo.inference.runtimes import ONNXRUNTIME, OPENVINO, version_of
from zoo.isolation import Ended, run_module
from zoo.predictor import (
    BackboneDetail,
    BackboneRef,
    detail_from_json,
    detail_to_json,
    ref_from_json,
)
from zoo.storage.blobs import file_sha256

GRAPH = "graph.onnx"
HEAD = "head.safetensors"
_ABOUT = "export.json"
_REQUEST = "request.json"
_FAILURE = "failure.json"
_SAMPLES = "samples.npy"
_CHECKSUM = "checksum"

Samples = Callable[[], PixelArray]
"""Real pictures, prepared, uint8 `(n, height, width, 3)`: what an export is verified on."""

_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Export:
    """What came of exporting one backbone: files to forward with, or the reason for none."""

    folder: Path
    detail: BackboneDetail
    sha256: str = ""  # of the graph; empty: it was refused
    head_sha256: str = ""  # of the native head, where there is one
    reason: str = ""  # why it was refused
    cosine: float = 0.0  # to torch, of the worst picture it was verified on
    engine: str = ONNXRUNTIME  # the fastest that forwards it here
    # Pictures per CPU-second, of every engine that gives the same, where there is a choice.
    rates: Mapping[str, float] = field(default_factory=dict)
    refused: str = ""  # why OpenVINO cannot be had, though it is installed
    is_final: bool = True  # False: it was cut off, is not kept, and will be tried again

    @property
    def is_ready(self) -> bool:
        """Whether there is a graph."""
        return bool(self.sha256)

    def check(self) -> None:
        """Raise `DamagedError` unless the files are those that were written."""
        for name, sha256 in ((GRAPH, self.sha256), (HEAD, self.head_sha256)):
            path = self.folder / name
            if sha256 and (not path.exists() or file_sha256(path) != sha256):
                raise DamagedError(f"the export {path} is missing or damaged")


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What the exporting process is asked: a backbone, and where files are."""

    backbone: BackboneRef
    weights_cache: Path
    folder: Path  # for the files; also holds the samples
    network: Path | None = None  # of a tuned backbone

    @property
    def samples(self) -> PixelArray:
        """Pictures to verify on."""
        pixels: PixelArray = np.load(self.folder / _SAMPLES)
        return pixels


class Exports:
    """The exports of one home, by space; safe to use from any number of processes."""

    def __init__(self, home: Path, *, timeout_s: float, pause_s: float = PAUSE_S) -> None:
        """After an export was cut off none is tried for `pause_s`."""
        self._root = home / "engines"
        self._spool = home / "tmp"  # emptied at each start: of what a killed process left
        self._weights_cache = home / "weights"
        self._timeout_s = timeout_s
        self._pause_s = pause_s

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever exported here."""
        return next(self._root.glob(f"*/{_ABOUT}"), None) is None

    def find(self, space_id: str) -> Export | None:
        """The export for a space; None if this version of the runtime has not tried yet."""
        try:
            found = _read(self._root / space_id)
            _check_space(found, space_id)
            return found
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("export_unreadable", space_id=space_id, error=str(error))
            return None

    def make(
        self,
        ref: BackboneRef,
        detail: BackboneDetail,
        *,
        samples: Samples,
        network: Path | None = None,
    ) -> Export:
        """Export now, unless another process just has; waits for one that does so.

        A tuned backbone comes with the file of its `network`. Where a signal or the time limit
        ends it, it is not final until that has happened three times. Raises what building the
        backbone raises.
        """
        for folder in (self._root, self._spool):
            folder.mkdir(parents=True, exist_ok=True)
        space_id = detail.space.space_id
        with _locked(self._root / f"{space_id}.lock"):
            found = self.find(space_id)
            if found is not None:
                return found
            cuts = Cuts(path=self._root / f"{space_id}.cuts", pause_s=self._pause_s)
            if cuts.is_recent:
                return self._put_off(detail, "it was cut off a moment ago")
            with TemporaryDirectory(dir=self._spool) as name:
                folder = Path(name)
                request = ExportRequest(
                    backbone=ref,
                    weights_cache=self._weights_cache,
                    folder=folder,
                    network=network,
                )
                ended = self._export(request, samples=samples())
                if not (folder / _ABOUT).exists():
                    export = Export(folder=folder, detail=detail, reason=_why(ended))
                    if ended.is_cut_off and cuts.add() < MOST:
                        _report(ref, export)
                        return self._put_off(detail, export.reason)
                    write_export(export)
                self._keep(ref, folder, space_id=space_id)
            cuts.forget()
            return self._made(space_id)

    def discard(self, export: Export) -> None:
        """Forget a damaged one, so that it is made again."""
        with _locked(self._root / f"{export.folder.name}.lock"):
            shutil.rmtree(export.folder, ignore_errors=True)

    def _put_off(self, detail: BackboneDetail, why: str) -> Export:
        folder = self._root / detail.space.space_id
        return Export(folder=folder, detail=detail, reason=why, is_final=False)

    def _keep(self, ref: BackboneRef, folder: Path, *, space_id: str) -> None:
        _report(ref, _read(folder))
        shutil.rmtree(self._root / space_id, ignore_errors=True)
        folder.rename(self._root / space_id)
        folder.mkdir()  # for its own end

    def _made(self, space_id: str) -> Export:
        made = self.find(space_id)
        if made is None:
            raise DamagedError(f"the export {self._root / space_id} is gone or damaged already")
        return made

    def _export(self, request: ExportRequest, *, samples: PixelArray) -> Ended:
        folder = request.folder
        write_request(request, samples)
        ended = run_module("zoo.inference.exporting", str(folder), timeout_s=self._timeout_s)
        if (folder / _FAILURE).exists():
            raise wire.error_from_json(json.loads((folder / _FAILURE).read_text()))
        return ended


def _why(ended: Ended) -> str:
    said = f"; its last words were: {ended.last_words}" if ended.last_words else ""
    return f"the exporting process ended ({ended.ending}){said}"


def write_request(request: ExportRequest, samples: PixelArray) -> None:
    """Leave a request with its samples in its folder."""
    np.save(request.folder / _SAMPLES, samples)
    fields = {
        "backbone": asdict(request.backbone),
        "weights_cache": str(request.weights_cache),
        "network": None if request.network is None else str(request.network),
    }
    (request.folder / _REQUEST).write_text(json.dumps(fields))


def read_request(folder: Path) -> ExportRequest:
    """The request in a folder."""
    fields = json.loads((folder / _REQUEST).read_text())
    return ExportRequest(
        backbone=ref_from_json(fields["backbone"]),
        weights_cache=Path(fields["weights_cache"]),
        folder=folder,
        network=None if fields["network"] is None else Path(fields["network"]),
    )


def write_failure(folder: Path, error: ZooError) -> None:
    """Leave the reason why the backbone itself could not be built."""
    (folder / _FAILURE).write_text(json.dumps(wire.error_to_json(error)))


def write_export(export: Export) -> None:
    """Leave what came of it, and clear the request away."""
    fields = {**asdict(export), "detail": detail_to_json(export.detail)}
    del fields["folder"], fields["is_final"]
    fields["runtime"], fields["rival"] = version_of(ONNXRUNTIME), version_of(OPENVINO)
    text = json.dumps({**fields, _CHECKSUM: _checksum(fields)})
    new = export.folder / f"{_ABOUT}.new"
    new.write_text(text)
    new.replace(export.folder / _ABOUT)  # it is written twice, and may be cut off in between
    for name in (_REQUEST, _SAMPLES):
        (export.folder / name).unlink(missing_ok=True)


def _read(folder: Path) -> Export:
    fields = json.loads((folder / _ABOUT).read_text())
    if fields.pop(_CHECKSUM) != _checksum(fields):
        raise ValueError("its checksum does not hold")
    runtime, rival = fields.pop("runtime"), fields.pop("rival", "")
    if runtime != version_of(ONNXRUNTIME) or not _is_weighed(rival):
        raise FileNotFoundError(folder / _ABOUT)
    detail = detail_from_json(fields.pop("detail"))
    return Export(folder=folder, detail=detail, **fields)


def _is_weighed(rival: str) -> bool:
    """Whether the version of OpenVINO that is installed here has been compared.

    Where none is, that of another machine's process on this home does not matter: the two would
    make it anew in turn for ever.
    """
    return version_of(OPENVINO) in ("", rival)


def _checksum(fields: Json) -> str:
    """sha256 (hex) of what is said of an export: it decides how pictures are prepared."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _check_space(export: Export, space_id: str) -> None:
    found = export.detail.space.space_id
    if found != space_id:
        raise ValueError(f"it is of the space {found[:12]}, in a folder of another")


def _report(ref: BackboneRef, made: Export) -> None:
    if made.is_ready:
        engine, rates = made.engine, dict(made.rates)
        _log.info("exported", model=ref.name, cosine=made.cosine, engine=engine, rates=rates)
    else:
        _log.warning("not_exported", model=ref.name, reason=made.reason)
    if made.refused:
        _log.warning("engine_refused", model=ref.name, engine=OPENVINO, reason=made.refused)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone among processes; the kernel lets go when a process ends, however it does."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
