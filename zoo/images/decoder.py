"""One decoding child process: started, asked over a socket pair, ended; never trusted."""

from __future__ import annotations

import fcntl
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from zoo.connections import send_together
from zoo.errors import ImageError, UnavailableError
from zoo.images.replies import MAX_REPLY_BYTES, Reply, parse_object, parse_reply

CHILD = Path(__file__).parent / "child" / "__main__.py"
ARENA_BYTES = 64 << 20
"""Shared memory for one answer's bytes; only what is touched takes memory."""
START_TIMEOUT_S = 30.0
END_TIMEOUT_S = 1.0
LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""All of the environment that the child gets: the rest holds passwords."""

LENGTH = struct.Struct("!I")
READ_BYTES = 4096
"""What is read at once of a reply: nearly every one is shorter."""


class DecoderLostError(Exception):
    """The child died, hangs or makes no sense; `code` is one of `IMAGE_CODES`."""

    def __init__(self, detail: str, *, code: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code


class Decoder:
    """One child; after a `DecoderLostError` it is only good for closing.

    Starting does not wait for the child, the first question does. The owner closes it.
    """

    def __init__(self, *, max_pixels: int, memory_bytes: int, timeout_s: float) -> None:
        self._max_pixels = max_pixels
        self._timeout_s = timeout_s
        self._is_ready = False
        self._channel, theirs = socket.socketpair()
        self._arena_fd = _anonymous_file(ARENA_BYTES)
        self._arena = mmap.mmap(self._arena_fd, ARENA_BYTES)
        numbers = (self._arena_fd, ARENA_BYTES, memory_bytes, max_pixels, timeout_s)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(CHILD), *map(str, numbers)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                pass_fds=[self._arena_fd],
                env={name: os.environ[name] for name in LIBRARY_PATHS if name in os.environ},
            )

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the child runs."""
        return self._process.poll() is None

    def ask(
        self, request: bytes, content: bytes, *, answer_bytes: int | None
    ) -> tuple[Reply, bytes] | ImageError:
        """The child's reply to a JSON object with the bytes of its answer, or its refusal.

        `answer_bytes` is how many there have to be, if that is known.
        """
        self._await_ready()
        head = struct.pack("!II", len(request), len(content)) + request
        try:
            reply = parse_reply(self._exchange(head, content))
            if isinstance(reply, ImageError):
                return reply
            self._check(reply, answer_bytes=answer_bytes)
        except TimeoutError as error:
            raise DecoderLostError(
                f"the picture took more than {self._timeout_s:g} s to decode",
                code="decoder_timeout",
            ) from error
        except (OSError, ValueError) as error:
            raise DecoderLostError(
                f"the picture crashed its decoder ({self._cause()})", code="decoder_crashed"
            ) from error
        return reply, self._arena[: reply.size_bytes]

    def close(self) -> None:
        """End the child, whatever it does."""
        self._channel.close()
        self._process.kill()
        self._process.wait()
        self._arena.close()
        os.close(self._arena_fd)

    def _await_ready(self) -> None:
        """A child that never got as far as the picture is no fault of the picture."""
        if self._is_ready:
            return
        try:
            parse_object(
                _receive_message(self._channel, deadline=time.monotonic() + START_TIMEOUT_S)
            )
        except (OSError, ValueError) as error:
            raise UnavailableError(
                f"the picture decoder does not start ({self._cause()})",
                code="decoder_unavailable",
            ) from error
        self._is_ready = True

    def _check(self, reply: Reply, *, answer_bytes: int | None) -> None:
        wanted = range(ARENA_BYTES + 1) if answer_bytes is None else (answer_bytes,)
        if reply.size_bytes not in wanted:
            raise ValueError(f"an answer of {reply.size_bytes} bytes")
        if not 0 < reply.width * reply.height <= self._max_pixels:
            raise ValueError(f"a picture of {reply.width} x {reply.height} pixels")

    def _exchange(self, head: bytes, content: bytes) -> bytes:
        deadline = time.monotonic() + self._timeout_s
        self._channel.settimeout(self._timeout_s)
        send_together(self._channel, head, content)
        return _receive_message(self._channel, deadline=deadline)

    def _cause(self) -> str:
        try:
            code = self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return "it does not answer"
        names = {-one.value: one.name for one in signal.Signals}
        return names.get(code, f"exit code {code}")


def _receive_message(channel: socket.socket, *, deadline: float) -> bytes:
    """The one message that is on its way; the child says nothing more until it is asked."""
    parts = bytearray()
    length = MAX_REPLY_BYTES
    while len(parts) < LENGTH.size + length:
        channel.settimeout(max(deadline - time.monotonic(), 0.001))
        part = channel.recv(READ_BYTES)
        if not part:
            raise ConnectionResetError("the child has ended")
        parts += part
        if len(parts) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(parts)
        if length > MAX_REPLY_BYTES:
            raise ValueError(f"a reply of {length} bytes")
    if len(parts) > LENGTH.size + length:
        raise ValueError(f"{len(parts)} bytes where a reply has {length}")
    return bytes(parts[LENGTH.size :])


def _anonymous_file(size: int) -> int:
    if sys.platform == "linux":
        descriptor = os.memfd_create("zoo-pixels", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(descriptor, size)
        # Who holds a file may shrink it, and pages that are gone kill their reader.
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        return descriptor
    descriptor, name = tempfile.mkstemp()
    Path(name).unlink()
    os.ftruncate(descriptor, size)
    return descriptor
