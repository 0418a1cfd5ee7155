"""The sandbox's child: decodes untrusted bytes with Pillow, able to do nothing else.

Run by path as `python -I sandbox_child.py ARENA_FD ARENA_BYTES MEMORY_BYTES MAX_PIXELS PARENT`
with its end of a socket pair as standard input. It imports Pillow and the standard library only.
A request is a JSON line length, a JSON object and the encoded bytes; pixels go into shared memory.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import signal
import socket
import struct
import sys
from io import BytesIO
from typing import Any, NamedTuple

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

PLUGINS = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "MPO")
OURS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF")
OTHERS = (b"%PDF", b"8BPS", b"\0\0\1\0", b"<svg", b"<?xml", b"%!PS", b"P5", b"P6", b"\0\0\0\x0cjP")
RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION = 0x0112
PR_SET_PDEATHSIG = 1


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """A picture that cannot be read; `args` are its code and a sentence."""


class Limits(NamedTuple):
    """What one picture may take."""

    arena_bytes: int
    memory_bytes: int
    max_pixels: int


def decode(image: Image.Image, wanted: dict[str, Any], limits: Limits) -> Image.Image:
    """Resize the shorter side, then cut the centre out, as torchvision's transforms do."""
    width, height = image.size
    short, long = sorted(image.size)
    reduced = wanted["resize"], int(wanted["resize"] * long / short)
    target = reduced if width <= height else reduced[::-1]
    if target[0] * target[1] > limits.max_pixels:
        raise Refused(
            "too_many_pixels",
            f"the picture is {width} x {height} pixels; resized for the model it would have "
            f"{target[0]} x {target[1]}, more than {limits.max_pixels}",
        )
    if target != image.size:
        image = image.resize(target, RESAMPLING[wanted["interpolation"]])
    return cut_centre(image, wanted["input_size"][1], wanted["input_size"][0])


def cut_centre(image: Image.Image, width: int, height: int) -> Image.Image:
    """The centre of a picture; a smaller one is laid on black first."""
    if image.width < width or image.height < height:
        ground = Image.new("RGB", (max(image.width, width), max(image.height, height)))
        place = (max(width - image.width, 0) // 2, max(height - image.height, 0) // 2)
        ground.paste(image, place)
        image = ground
    left = round((image.width - width) / 2.0)
    top = round((image.height - height) / 2.0)
    return image.crop((left, top, left + width, top + height))


def read(content: bytes, limits: Limits) -> Image.Image:
    """The first frame as RGB, upright, over white."""
    image = identify(content)
    if image.width * image.height > limits.max_pixels:
        raise Refused(
            "too_many_pixels",
            f"the picture has {image.width} x {image.height} pixels; "
            f"at most {limits.max_pixels} are read",
        )
    try:
        image.load()
        return flatten(turn_upright(image))
    except MemoryError:
        raise
    except Exception as error:
        raise Refused(
            "truncated_image", f"the picture is cut off or damaged: {first_line(error)}"
        ) from error


def identify(content: bytes) -> Image.Image:
    """Read the header only."""
    try:
        return Image.open(BytesIO(content), formats=FORMATS)
    except Exception as error:
        head = content[:16]
        if head.startswith(OURS) or b"ftypavif" in head:
            raise Refused("truncated_image", "the picture ends within its header") from error
        if head.lstrip().startswith(OTHERS) or b"ftyp" in head:
            detail = f"this file format is not read; use one of {', '.join(FORMATS)}"
            raise Refused("unsupported_format", detail) from error
        raise Refused("not_an_image", "the file is not a picture") from error


def turn_upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; EXIF that cannot be read is passed over."""
    try:
        turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - broken EXIF never spoils a readable picture
        return image
    return image if turn is None else image.transpose(turn)


def flatten(image: Image.Image) -> Image.Image:
    """Eight-bit RGB: 16-bit grey is scaled, alpha lies over white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value * (255 / 65535)).convert("RGB")
    if image.has_transparency_data:
        upper = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", upper.size, "white"), upper).convert("RGB")
    return image.convert("RGB")


def answer(
    request: dict[str, Any], content: bytes, arena: mmap.mmap, limits: Limits
) -> dict[str, Any]:
    """Do what was asked; the result's bytes are at the arena's begin."""
    image = read(content, limits)
    reply: dict[str, Any] = {"width": image.width, "height": image.height}
    if request["act"] == "decode":
        pixels = decode(image, request["preprocessing"], limits).tobytes()
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
        return {"code": refusal.args[0], "detail": refusal.args[1]}
    except MemoryError:
        detail = "the picture needs more memory to decode than it is given"
        return {"code": "decoder_out_of_memory", "detail": detail}


def receive(channel: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes; the process ends when the parent has."""
    parts = bytearray()
    while len(parts) < size:
        part = channel.recv(min(size - len(parts), 1 << 20))
        if not part:
            os._exit(0)
        parts += part
    return bytes(parts)


def first_line(error: Exception) -> str:
    """An error's text, short and on one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def warm_up(limits: Limits) -> None:
    """Read a small picture of every format, so that what Pillow imports late is imported now."""
    Image.preinit()
    for name in FORMATS:
        buffer = BytesIO()
        Image.new("P" if name == "GIF" else "RGB", (16, 16)).save(buffer, name)
        read(buffer.getvalue(), limits).thumbnail((8, 8))


def confine(limits: Limits) -> None:
    """Give up the right to open, write or grow."""
    Image.MAX_IMAGE_PIXELS = None  # the limit here is ours, and is an answer
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def die_with(parent: int) -> None:
    """On Linux the kernel ends this process with its parent; elsewhere end of file does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def main() -> None:
    """Answer requests until the parent closes the channel."""
    arena_fd, arena_bytes, memory_bytes, max_pixels, parent = map(int, sys.argv[1:6])
    limits = Limits(arena_bytes, memory_bytes, max_pixels)
    die_with(parent)
    channel = socket.socket(fileno=0)
    arena = mmap.mmap(arena_fd, arena_bytes)
    os.close(arena_fd)
    warm_up(limits)
    confine(limits)
    while True:
        (length,) = struct.unpack("!I", receive(channel, 4))
        request = json.loads(receive(channel, length))
        content = receive(channel, request["size"])
        reply = json.dumps(reply_to(request, content, arena, limits)).encode()
        channel.sendall(struct.pack("!I", len(reply)) + reply)


if __name__ == "__main__":
    main()
