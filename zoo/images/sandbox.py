"""Decoding untrusted bytes: one exec'ed child that can do nothing else, and is replaceable.

A crash or hang costs at most the picture that caused it: the child is replaced, and the picture
tried once more, as the fault may have been the child's own.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zoo.backbone import Preprocessing
from zoo.errors import ImageError

CHILD = Path(__file__).with_name("sandbox_child.py")
ARENA_BYTES = 64 << 20
"""Shared memory for one answer's pixels; only what is touched takes memory."""
BASE_MEMORY_BYTES = 1 << 30
BYTES_A_PIXEL = 20
"""What decoding, turning and flattening a picture of the worst mode takes at its height."""
START_TIMEOUT_S = 20.0
TRIES = 2


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


class _Lost(Exception):  # noqa: N818 - becomes an ImageError if it happens again
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Sandbox:
    """One child, started with the first picture. Not thread-safe: it has one owner."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._arena: mmap.mmap | None = None
        self._arena_fd = -1
        self._child: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

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
    def pid(self) -> int | None:
        """The child's process id, if it runs."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def decode(self, content: bytes, preprocessing: Preprocessing) -> Decoded:
        """The picture's pixels as a model's preprocessing asks for; raises `ImageError`."""
        request = {"act": "decode", "preprocessing": asdict(preprocessing)}
        reply, pixels = self._ask(request, content)
        height, width = preprocessing.input_size
        array = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
        return Decoded(pixels=array, width=reply["width"], height=reply["height"])

    def measure(self, content: bytes) -> tuple[int, int]:
        """Width and height of a picture that decodes as a whole; raises `ImageError`."""
        reply, _ = self._ask({"act": "measure"}, content)
        return reply["width"], reply["height"]

    def thumbnail(self, content: bytes, *, size: int) -> bytes:
        """A JPEG whose longer side is at most `size` pixels; raises `ImageError`."""
        return self._ask({"act": "thumbnail", "side": size}, content)[1]

    def start(self) -> None:
        """Start the child, if it does not run, ahead of the first picture."""
        if self.pid is not None:
            return
        self.close()
        self._make_arena()
        ours, theirs = socket.socketpair()
        memory = BASE_MEMORY_BYTES + BYTES_A_PIXEL * self._limits.max_pixels
        numbers = (self._arena_fd, ARENA_BYTES, memory, self._limits.max_pixels, os.getpid())
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-I", str(CHILD), *map(str, numbers)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                pass_fds=[self._arena_fd],
            )
        self._channel = ours

    def close(self) -> None:
        """End the child."""
        if self._channel is not None:
            self._channel.close()
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        if self._arena is not None:
            self._arena.close()
            os.close(self._arena_fd)
        self._channel, self._child, self._arena = None, None, None

    def _ask(self, request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        self._check_size(content)
        for left in reversed(range(TRIES)):
            try:
                reply = self._exchange({**request, "size": len(content)}, content)
                break
            except _Lost as lost:
                self.close()
                if not left:
                    raise ImageError(str(lost), code=lost.code) from lost
        if "code" in reply:
            raise ImageError(reply["detail"], code=reply["code"])
        return reply, self._arena[: reply.get("size", 0)] if self._arena else b""

    def _check_size(self, content: bytes) -> None:
        if not content:
            raise ImageError("the file is empty", code="empty_file")
        if len(content) > self._limits.max_bytes:
            raise ImageError(
                f"the file has {len(content)} bytes; at most {self._limits.max_bytes} are read",
                code="file_too_large",
            )

    def _exchange(self, request: dict[str, Any], content: bytes) -> dict[str, Any]:
        is_new = self.pid is None
        self.start()
        channel = self._channel
        if channel is None:
            raise _Lost("decoder_crashed", "the decoder could not be started")
        text = json.dumps(request).encode()
        # A new child first imports Pillow, which is not the picture's time.
        channel.settimeout(self._limits.timeout_s + (START_TIMEOUT_S if is_new else 0))
        try:
            channel.sendall(struct.pack("!I", len(text)) + text)
            channel.sendall(content)
            (length,) = struct.unpack("!I", _receive(channel, 4))
            reply: dict[str, Any] = json.loads(_receive(channel, length))
        except TimeoutError as error:
            detail = f"the picture took more than {self._limits.timeout_s:g} s to decode"
            raise _Lost("decoder_timeout", detail) from error
        except OSError as error:
            detail = f"the picture crashed its decoder ({self._cause()})"
            raise _Lost("decoder_crashed", detail) from error
        return reply

    def _cause(self) -> str:
        code = self._child.wait() if self._child else 0
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def _make_arena(self) -> None:
        if sys.platform == "linux":
            self._arena_fd = os.memfd_create("zoo-pixels")
        else:
            self._arena_fd, name = tempfile.mkstemp()
            Path(name).unlink()
        os.ftruncate(self._arena_fd, ARENA_BYTES)
        self._arena = mmap.mmap(self._arena_fd, ARENA_BYTES)


def _receive(channel: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = channel.recv(size - len(parts))
        if not part:
            raise ConnectionResetError("the child has ended")
        parts += part
    return bytes(parts)
