"""The pictures of a course, read as everything else reads them: checked, and in the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.backbone import Preprocessing
from zoo.catalog import contents
from zoo.errors import ContentError, ZooError
from zoo.storage.packs import read_stored
from zoo.training.pixels import PictureStore
from zoo_workers.context import Context
from zoo_workers.gone import gone_error


class Pictures:
    """Originals by their place among all examples."""

    def __init__(
        self, context: Context, sha256s: Sequence[str], *, look: Callable[[], None]
    ) -> None:
        self._context = context
        self._sha256s = sha256s
        self._look = look
        with context.catalog.read() as session:
            self._found = contents.get_contents(session, set(sha256s))

    def original(self, place: int) -> bytes:
        """The bytes as they were sent; `ContentError` or `DamagedError` if they are gone."""
        self._context.watchdog.feed()
        sha256 = self._sha256s[place]
        if sha256 not in self._found:
            raise gone_error(sha256)
        return read_stored(self._context.catalog, self._context.blobs, self._found[sha256])

    def store(
        self, path: Path, places: NDArray[np.int64], preprocessing: Preprocessing, *, share: float
    ) -> PictureStore:
        """Some of them prepared, in a file at `path` that takes a share of the room there is."""

        def read(at: int) -> NDArray[np.uint8]:
            self._look()
            try:
                original = self.original(int(places[at]))
                return self._context.sandbox.decode(original, preprocessing).pixels
            except ContentError as error:
                raise unreadable(error) from error

        return PictureStore(
            path,
            read=read,
            n=len(places),
            shape=preprocessing.input_size,
            max_bytes=int(share * self._context.settings.scratch_bytes),
        )


def unreadable(error: ContentError) -> ZooError:
    """The same of a picture that could be read before: another attempt may well read it again."""
    return ZooError(error.detail, code=error.code)


def uncropped(preprocessing: Preprocessing) -> Preprocessing:
    """The same with all that the resized picture has, as a square or in the shape asked for."""
    resize = preprocessing.resize
    height, width = (resize, resize) if isinstance(resize, int) else resize
    least = preprocessing.input_size
    return replace(preprocessing, input_size=(max(height, least[0]), max(width, least[1])))
