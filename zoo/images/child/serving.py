"""The child's loop: one request after the other until its parent closes the channel.

A request is a JSON object and the encoded bytes, the lengths of both before them; a reply is such
an object, its length before it, its bytes in shared memory. The first reply says that the child is
ready. Nothing but Pillow and the standard library is imported here, before the first request all
of it.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import warnings
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

from PIL import AvifImagePlugin, Image

from zoo.images.child.modes import upright_rgb
from zoo.images.child.opening import open_picture
from zoo.images.child.preparing import prepare
from zoo.images.child.refusals import Refused
from zoo.images.formats import READ

ORPHAN_TIMEOUT_S = 2.0
"""How much longer than its parent the child waits for itself."""


class Limits(NamedTuple):
    """What one picture may take."""

    arena_bytes: int
    memory_bytes: int
    max_pixels: int
    timeout_s: float


def read(content: bytes, *, max_pixels: int) -> Image.Image:
    """The first frame as RGB, upright, over white; raises `Refused`, `MemoryError`."""
    return upright_rgb(open_picture(content, max_pixels=max_pixels))


def answer(
    request: dict[str, Any], content: bytes, arena: mmap.mmap, limits: Limits
) -> dict[str, Any]:
    """Do what was asked; the result's bytes are at the arena's begin."""
    image = read(content, max_pixels=limits.max_pixels)
    reply: dict[str, Any] = {"width": image.width, "height": image.height, "size": 0}
    if request["act"] == "decode":
        pixels = prepare(image, request["preprocessing"], max_pixels=limits.max_pixels).tobytes()
        arena[: len(pixels)] = pixels
        return {**reply, "size": len(pixels)}
    if request["act"] == "thumbnail":
        image.thumbnail((request["side"], request["side"]), Image.Resampling.LANCZOS)
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=85)
        arena[: buffer.tell()] = buffer.getvalue()
        return {**reply, "size": buffer.tell()}
    return reply


def reply_to(
    request: dict[str, Any], content: bytes, arena: mmap.mmap, limits: Limits
) -> dict[str, Any]:
    """The answer, or why there is none."""
    try:
        return answer(request, content, arena, limits)
    except Refused as refusal:
        return {"code": refusal.code, "detail": refusal.detail}
    except Image.DecompressionBombError:
        detail = f"the picture has more than {limits.max_pixels} pixels, which is all that is read"
        return {"code": "too_many_pixels", "detail": detail}
    except MemoryError:
        detail = "the picture needs more memory to decode than it is given"
        return {"code": "decoder_out_of_memory", "detail": detail}


def receive(requests: BinaryIO, size: int) -> bytes:
    """Exactly `size` bytes; the process ends when the parent has."""
    content = requests.read(size)
    if len(content) < size:
        os._exit(0)
    return content


def warm_up() -> None:
    """Read a small picture of every format, so that what Pillow imports late is imported now."""
    for name in READ:
        buffer = BytesIO()
        Image.new("P" if name == "GIF" else "RGB", (16, 16)).save(buffer, name)
        read(buffer.getvalue(), max_pixels=256).thumbnail((8, 8))


def limit_decoders(limits: Limits) -> None:
    """Pillow's own checks: the size before memory is taken, one thread for a picture."""
    Image.MAX_IMAGE_PIXELS = limits.max_pixels // 2  # it warns beyond this, refuses beyond twice
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    warnings.simplefilter("ignore")


def confine(limits: Limits) -> None:
    """Give up the right to open, write, start or grow; nobody reads what a decoder prints."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
    if sys.platform == "linux":  # macOS refuses it
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    for right in (
        resource.RLIMIT_FSIZE,
        resource.RLIMIT_CORE,
        resource.RLIMIT_NPROC,
        resource.RLIMIT_NOFILE,
    ):
        resource.setrlimit(right, (0, 0))


def die_alone(limits: Limits) -> None:
    """End by the clock within a picture whose parent has gone, and cannot end this process.

    The kernel could end it with its parent, but takes the thread that started it for the parent.
    """
    signal.setitimer(signal.ITIMER_REAL, limits.timeout_s + ORPHAN_TIMEOUT_S)


def send(channel: socket.socket, message: dict[str, Any]) -> None:
    """Send an object, its length before it."""
    text = json.dumps(message).encode()
    channel.sendall(struct.pack("!I", len(text)) + text)


def main() -> None:
    """Answer requests until the parent closes the channel."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's business
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    arena_fd, arena_bytes, memory_bytes, max_pixels = map(int, sys.argv[1:5])
    limits = Limits(arena_bytes, memory_bytes, max_pixels, float(sys.argv[5]))
    channel = socket.socket(fileno=0)
    requests = channel.makefile("rb")
    arena = mmap.mmap(arena_fd, arena_bytes)
    os.close(arena_fd)
    limit_decoders(limits)
    warm_up()
    confine(limits)
    send(channel, {})
    while True:
        length, size = struct.unpack("!II", receive(requests, 8))
        die_alone(limits)
        request = json.loads(receive(requests, length))
        content = receive(requests, size)
        reply = reply_to(request, content, arena, limits)
        signal.setitimer(signal.ITIMER_REAL, 0)
        send(channel, reply)
