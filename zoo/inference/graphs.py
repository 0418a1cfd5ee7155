"""Exported networks for those who take a model away, made when they are first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from zoo.backbone import TEXT
from zoo.errors import InvalidError, UnavailableError
from zoo.inference.cuts import PAUSE_S
from zoo.inference.exports import Export
from zoo.predictor import BackboneDetail, BackboneRef
from zoo.space import FLOAT32

WAIT_S = 20.0
"""How long who asks first waits; a large network takes minutes."""
AGAIN_S = 5

Make = Callable[[BackboneRef, BackboneDetail], Export]


class Graphs:
    """Exports under way, each made once however many ask; thread-safe."""

    def __init__(self, make: Make, *, wait_s: float = WAIT_S) -> None:
        self._make = make
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[Export]] = {}

    def get(self, ref: BackboneRef, detail: BackboneDetail) -> Export:
        """The export of a network, which has a graph.

        Raises `InvalidError` with code `not_exportable` for a network that no graph can hold,
        `UnavailableError` with code `export_pending` while it is being made and where that was
        cut off, and what building the backbone raises.
        """
        _check_exportable(ref, detail)
        try:
            made = self._asked(ref, detail).result(timeout=self._wait_s)
        except TimeoutError as error:
            raise UnavailableError(
                f"the graph of {ref.name} is being made; ask again in a moment",
                code="export_pending",
                retry_after_s=AGAIN_S,
            ) from error
        if not made.is_final:
            raise UnavailableError(
                f"the graph of {ref.name} could not be made yet: {made.reason}; ask again later",
                code="export_pending",
                retry_after_s=int(PAUSE_S),
            )
        if not made.is_ready:
            raise _not_exportable(ref, made.reason)
        return made

    def _asked(self, ref: BackboneRef, detail: BackboneDetail) -> Future[Export]:
        space_id = detail.space.space_id
        with self._lock:
            found = self._under_way.get(space_id)
            if found is not None:
                return found
            made = self._under_way[space_id] = Future()
        threading.Thread(
            target=self._run, args=(ref, detail, made), name="exporting", daemon=True
        ).start()
        return made

    def _run(self, ref: BackboneRef, detail: BackboneDetail, made: Future[Export]) -> None:
        try:
            made.set_result(self._make(ref, detail))
        except BaseException as error:  # noqa: BLE001  # those who wait for it must not wait for ever
            made.set_exception(error)
        finally:
            with self._lock:  # what failed is tried again, what is made is found on disk
                del self._under_way[detail.space.space_id]


def _check_exportable(ref: BackboneRef, detail: BackboneDetail) -> None:
    if TEXT in detail.towers:
        raise _not_exportable(ref, "it has a tower for texts, and a graph has room for pictures")
    if detail.space.precision != FLOAT32:
        raise _not_exportable(ref, f"it computes in {detail.space.precision}, a graph in float32")


def _not_exportable(ref: BackboneRef, why: str) -> InvalidError:
    return InvalidError(
        f"{ref.name} cannot be exported: {why}; take format=safetensors",
        code="not_exportable",
        field="format",
    )
