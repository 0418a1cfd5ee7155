"""The sandbox's child: decodes untrusted bytes with Pillow, able to do nothing else.

Run by path as `python -I sandbox_child.py ARENA_FD ARENA_BYTES MEMORY_BYTES MAX_PIXELS TIMEOUT_S`
with its end of a socket pair as standard input. It imports Pillow and the standard library only.
A request is a JSON object, its length before it, and the encoded bytes; a reply is such an object,
its bytes in shared memory. The first reply says that the child is ready.
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
from collections.abc import Callable
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
OURS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
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
ORPHAN_TIMEOUT_S = 2.0
"""How much longer than its parent the child waits for itself."""


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """A picture that cannot be read; `args` are its code and a sentence."""


class Limits(NamedTuple):
    """What one picture may take."""

    arena_bytes: int
    memory_bytes: int
    max_pixels: int
    timeout_s: float


def decode(image: Image.Image, wanted: dict[str, Any], limits: Limits) -> Image.Image:
    """Resize, then cut the centre out, as torchvision's and timm's transforms do."""
    target = resized_size(image.size, wanted)
    if target[0] * target[1] > limits.max_pixels:
        raise Refused(
            "too_many_pixels",
            f"the picture is {image.width} x {image.height} pixels; resized for the model it "
            f"would have {target[0]} x {target[1]}, more than {limits.max_pixels}",
        )
    if target != image.size:
        image = image.resize(target, RESAMPLING[wanted["interpolation"]])
    ground = (0, 0, 0)
    if wanted["crop_mode"] == "border":
        red, green, blue = (round(255 * value) for value in wanted["mean"])
        ground = red, green, blue
    height, width = wanted["input_size"]
    halve = halve_down if wanted["crop_rounding"] == "down" else halve_to_even
    return cut_centre(image, (width, height), ground, halve)


def resized_size(size: tuple[int, int], wanted: dict[str, Any]) -> tuple[int, int]:
    """Width and height before the crop."""
    width, height = size
    if isinstance(wanted["resize"], int):
        short, long = sorted(size)
        reduced = wanted["resize"], int(wanted["resize"] * long / short)
        return reduced if width <= height else (reduced[1], reduced[0])
    rows, columns = wanted["resize"]
    if wanted["crop_mode"] == "squash":
        return columns, rows
    ratios = height / rows, width / columns
    ratio = max(ratios) if wanted["crop_mode"] == "border" else min(ratios)
    return max(1, round(width / ratio)), max(1, round(height / ratio))


def halve_to_even(difference: int) -> int:
    """Half, as torchvision rounds it."""
    return round(difference / 2.0)


def halve_down(difference: int) -> int:
    """Half, as transformers rounds it."""
    return difference // 2


def cut_centre(
    image: Image.Image,
    size: tuple[int, int],
    ground: tuple[int, int, int],
    halve: Callable[[int], int],
) -> Image.Image:
    """The centre of a picture; a smaller one is laid on the ground colour first."""
    width, height = size
    if image.width < width or image.height < height:
        sheet = Image.new("RGB", (max(image.width, width), max(image.height, height)), ground)
        place = (max(width - image.width, 0) // 2, max(height - image.height, 0) // 2)
        sheet.paste(image, place)
        image = sheet
    left, top = halve(image.width - width), halve(image.height - height)
    return image.crop((left, top, left + width, top + height))


def read(content: bytes) -> Image.Image:
    """The first frame as RGB, upright, over white."""
    image = identify(content)
    try:
        image.load()
    except (MemoryError, Image.DecompressionBombError):
        raise
    except Exception as error:
        detail = f"the picture is cut off or damaged: {first_line(error)}"
        raise Refused("truncated_image", detail) from error
    try:
        return flatten(turn_upright(image))
    except (ValueError, ImportError, OSError) as error:  # LAB needs a file, which is not to be had
        detail = f"pictures of colour mode {image.mode} are not read; convert it to RGB"
        raise Refused("unsupported_format", detail) from error


def identify(content: bytes) -> Image.Image:
    """Read the header only."""
    try:
        return Image.open(BytesIO(content), formats=FORMATS)
    except (MemoryError, Image.DecompressionBombError):
        raise
    except Exception as error:
        head = content[:16]
        if is_ours(head):
            raise Refused("truncated_image", "the picture ends within its header") from error
        if head.lstrip().startswith(OTHERS) or b"ftyp" in head:
            detail = f"this file format is not read; use one of {', '.join(FORMATS)}"
            raise Refused("unsupported_format", detail) from error
        raise Refused("not_an_image", "the file is not a picture") from error


def is_ours(head: bytes) -> bool:
    """Whether a file begins as those of our formats do."""
    if head.startswith(b"RIFF"):
        return head[8:12] == b"WEBP"[: len(head) - 8]
    if head.startswith(b"BM"):  # so may a text; a bitmap goes on with four zeros
        return head[6:10] == bytes(4)[: len(head) - 6]
    return head.startswith(OURS) or b"ftypavif" in head


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
    image = read(content)
    reply: dict[str, Any] = {"width": image.width, "height": image.height, "size": 0}
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
    except Image.DecompressionBombError:
        detail = f"the picture has more than {limits.max_pixels} pixels, which is all that is read"
        return {"code": "too_many_pixels", "detail": detail}
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


def warm_up() -> None:
    """Read a small picture of every format, so that what Pillow imports late is imported now."""
    Image.preinit()
    for name in FORMATS:
        buffer = BytesIO()
        Image.new("P" if name == "GIF" else "RGB", (16, 16)).save(buffer, name)
        read(buffer.getvalue()).thumbnail((8, 8))


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
    arena = mmap.mmap(arena_fd, arena_bytes)
    os.close(arena_fd)
    limit_decoders(limits)
    warm_up()
    confine(limits)
    send(channel, {})
    while True:
        (length,) = struct.unpack("!I", receive(channel, 4))
        die_alone(limits)
        request = json.loads(receive(channel, length))
        content = receive(channel, request["size"])
        reply = reply_to(request, content, arena, limits)
        signal.setitimer(signal.ITIMER_REAL, 0)
        send(channel, reply)


if __name__ == "__main__":
    main()
