"""The pictures of a course, read as everything else reads them: checked, and in the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.backbone import Preprocessing
from zoo.catalog import contents
from zoo.errors import ContentError, DamagedError, ZooError
from zoo.storage.packs import read_stored
from zoo.storage.references import is_reference
from zoo.training.pixels import PictureStore
from zoo_workers.context import Context
from zoo_workers.gone import gone_error
from zoo_workers.lost import LostContentsError


class Pictures:
    """Originals by their place among all examples."""

    def __init__(
        self,
        context: Context,
        sha256s: Sequence[str],
        *,
        lost: frozenset[str],
        look: Callable[[], None],
    ) -> None:
        self._context = context
        self._sha256s = sha256s
        self._lost = lost  # as is known already: nobody asks for them
        self._look = look
        with context.catalog.read() as session:
            self._found = contents.get_contents(session, set(sha256s))

    def original(self, place: int) -> bytes:
        """The bytes as they were sent; `ContentError` or `DamagedError` if they are gone."""
        return self._read(self._sha256s[place])

    def store(
        self, path: Path, places: NDArray[np.int64], preprocessing: Preprocessing, *, share: float
    ) -> PictureStore:
        """Some of them prepared, in a file at `path` that takes a share of the room there is.

        Reading one raises as `unreadable` says.
        """

        def read(at: int) -> NDArray[np.uint8]:
            self._look()
            place = int(places[at])
            try:
                original = self.original(place)
                return self._context.sandbox.decode(original, preprocessing).pixels
            except (ContentError, DamagedError) as error:
                raise self.unreadable(place, error) from error

        return PictureStore(
            path,
            read=read,
            n=len(places),
            shape=preprocessing.input_size,
            max_bytes=int(share * self._context.settings.scratch_bytes),
        )

    def unreadable(self, place: int, error: ZooError) -> Exception:
        """Why a picture cannot be had that could be read when its dataset was sealed.

        `LostContentsError` with all that are lost by now, where one is: whoever finds a folder
        changed in part should not find it so picture by picture. Else another attempt may well
        succeed.
        """
        lost = [sha256 for sha256 in self._doubtful(place) if self._is_lost(sha256)]
        return LostContentsError(lost) if lost else ZooError(error.detail, code=error.code)

    def _read(self, sha256: str) -> bytes:
        self._context.watchdog.feed()
        if sha256 not in self._found:
            raise gone_error(sha256)
        return read_stored(self._context.catalog, self._context.blobs, self._found[sha256])

    def _doubtful(self, place: int) -> list[str]:
        """The picture itself, and all that are files which anybody may change."""
        referred = {one for one, found in self._found.items() if is_reference(found.pack_key)}
        return sorted((referred | {self._sha256s[place]}) - self._lost)

    def _is_lost(self, sha256: str) -> bool:
        self._look()
        try:
            self._read(sha256)
        except (ContentError, DamagedError):
            return True
        return False


def uncropped(preprocessing: Preprocessing) -> Preprocessing:
    """The same with all that the resized picture has, as a square or in the shape asked for."""
    resize = preprocessing.resize
    height, width = (resize, resize) if isinstance(resize, int) else resize
    least = preprocessing.input_size
    return replace(preprocessing, input_size=(max(height, least[0]), max(width, least[1])))
