"""Decoding untrusted bytes: one exec'ed child that can do nothing else, and is replaceable.

A crash or hang costs at most the picture that caused it: the child is replaced, and the picture
tried once more, as the fault may have been the child's own.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import psutil
from numpy.typing import NDArray

from zoo.backbone import Preprocessing
from zoo.errors import ImageError, UnavailableError
from zoo.images.decoder import Decoder, DecoderLostError
from zoo.images.replies import Reply

BASE_MEMORY_BYTES = 1 << 30
BYTES_A_PIXEL = 20
"""What decoding, turning and flattening a picture of the worst mode takes at its height."""


@dataclass(frozen=True, kw_only=True)
class DecodeLimits:
    """What one picture may take."""

    max_bytes: int
    max_pixels: int
    timeout_s: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """A picture ready for an engine, and the size of the original, upright, in pixels."""

    pixels: NDArray[np.uint8]  # (height, width, 3) as the preprocessing asks
    width: int
    height: int


class PictureDecoder(Protocol):
    """What decodes a job's pictures: a sandbox, or several that are shared out among threads."""

    @property
    def lanes(self) -> int:
        """How many pictures are decoded at the same time, each asked for by a thread."""
        ...

    def start(self) -> None:
        """Start what does not run, ahead of the first picture."""
        ...

    def decode(self, content: bytes, preprocessing: Preprocessing) -> Decoded:
        """The picture's pixels as a model's preprocessing asks for."""
        ...

    def cpu_s(self) -> float:
        """Processor time of the children that run now, in seconds."""
        ...


class Sandbox:
    """One child, started with the first picture. Not thread-safe: it has one owner.

    Every question raises `ImageError` for a picture that cannot be read, and `UnavailableError`
    with code `decoder_unavailable` if the child does not start at all.
    """

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._decoder: Decoder | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def lanes(self) -> int:
        """One picture at a time."""
        return 1

    @property
    def pid(self) -> int | None:
        """The child's process id, if it runs."""
        return self._decoder.pid if self._decoder and self._decoder.is_alive else None

    def cpu_s(self) -> float:
        """Processor time of the child that runs now, in seconds."""
        pid = self.pid
        if pid is None:
            return 0.0
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:
            return 0.0
        return times.user + times.system

    def decode(self, content: bytes, preprocessing: Preprocessing) -> Decoded:
        """The picture's pixels as a model's preprocessing asks for."""
        height, width = preprocessing.input_size
        wanted = _decoding(preprocessing)
        reply, pixels = self._ask(wanted, content, answer_bytes=height * width * 3)
        array = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
        return Decoded(pixels=array, width=reply.width, height=reply.height)

    def measure(self, content: bytes) -> tuple[int, int]:
        """Width and height of a picture that decodes as a whole."""
        reply, _ = self._ask(_request("measure"), content, answer_bytes=0)
        return reply.width, reply.height

    def thumbnail(self, content: bytes, *, size: int) -> bytes:
        """A JPEG whose longer side is at most `size` pixels."""
        return self._ask(_request("thumbnail", side=size), content, answer_bytes=None)[1]

    def start(self) -> None:
        """Start the child, if it does not run, ahead of the first picture."""
        self._running()

    def close(self) -> None:
        """End the child."""
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            decoder.close()

    def _running(self) -> Decoder:
        if self._decoder is not None and self._decoder.is_alive:
            return self._decoder
        self.close()
        self._decoder = Decoder(
            max_pixels=self._limits.max_pixels,
            memory_bytes=BASE_MEMORY_BYTES + BYTES_A_PIXEL * self._limits.max_pixels,
            timeout_s=self._limits.timeout_s,
        )
        return self._decoder

    def _ask(
        self, request: bytes, content: bytes, *, answer_bytes: int | None
    ) -> tuple[Reply, bytes]:
        self._check_size(content)
        try:
            return self._ask_once(request, content, answer_bytes=answer_bytes)
        except DecoderLostError:
            pass  # perhaps by a fault of the child's own
        try:
            return self._ask_once(request, content, answer_bytes=answer_bytes)
        except DecoderLostError as lost:
            raise ImageError(lost.detail, code=lost.code) from lost

    def _ask_once(
        self, request: bytes, content: bytes, *, answer_bytes: int | None
    ) -> tuple[Reply, bytes]:
        try:
            found = self._running().ask(request, content, answer_bytes=answer_bytes)
        except (DecoderLostError, UnavailableError):
            self.close()
            raise
        if not isinstance(found, ImageError):
            return found
        if found.code == "decoder_out_of_memory":  # or has an old child grown?
            self.close()
            raise DecoderLostError(found.detail, code=found.code)
        raise found

    def _check_size(self, content: bytes) -> None:
        if not content:
            raise ImageError("the file is empty", code="empty_file")
        if len(content) > self._limits.max_bytes:
            raise ImageError(
                f"the file has {len(content)} bytes; at most {self._limits.max_bytes} are read",
                code="file_too_large",
            )


@lru_cache(maxsize=16)
def _decoding(preprocessing: Preprocessing) -> bytes:
    """What is asked for thousands of pictures, made once."""
    return _request("decode", preprocessing=asdict(preprocessing))


def _request(act: str, **fields: object) -> bytes:
    return json.dumps({"act": act, **fields}).encode()
