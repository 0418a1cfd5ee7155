"""Bytes to a picture of Pillow's that is decoded as a whole, or the reason why it is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from zoo.images.child.avif import announced_sizes
from zoo.images.child.jpeg import cheap_jpeg
from zoo.images.child.png import bare_png
from zoo.images.child.refusals import Refused, damaged, first_line, unread
from zoo.images.formats import HEAD_BYTES, READ, foreign_kind, kind_of

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
"""Named because importing them is what registers their formats with Pillow."""
UNREAD = re.compile(r"unsupported|not (yet )?supported|cannot handle|unknown (pixel|data)", re.I)
"""What Pillow says of a file that may well be whole."""
UNREAD_COMPRESSIONS = frozenset({"webp", "tiff_thunderscan", "tiff_sgilog", "tiff_sgilog24"})
"""What TIFFs may be compressed with and Pillow's libtiff says no more of than that it failed."""

Box = tuple[int, int, int, int]


def open_picture(content: bytes, *, max_pixels: int) -> Image.Image:
    """The first frame, decoded, in the mode of its file; raises `Refused`, `MemoryError`."""
    kind = kind_of(content[:HEAD_BYTES])
    if kind is None:
        raise _stranger(content[:HEAD_BYTES])
    if kind == "AVIF":
        _check_size(announced_sizes(content), max_pixels=max_pixels)
    image = _opened(kind, CHECKS.get(kind, _as_it_is)(content))
    _check_size([image.size], max_pixels=max_pixels)
    painted = image.tile[0].extents if image.tile else None
    _load(kind, image)
    return _painted_only(image, painted) if kind == "GIF" else image


def _stranger(head: bytes) -> Refused:
    foreign = foreign_kind(head)
    if foreign is None:
        return Refused("not_an_image", "the file is not a picture")
    detail = f"{foreign} is not read; use one of {', '.join(READ)}"
    return Refused("unsupported_format", detail)


def _check_size(sizes: Iterable[tuple[int, int]], *, max_pixels: int) -> None:
    if any(width * height > max_pixels for width, height in sizes):
        raise Image.DecompressionBombError


def _opened(kind: str, content: bytes) -> ImageFile.ImageFile:
    """Read the header only."""
    factory, _ = Image.OPEN[kind]
    try:
        return factory(BytesIO(content), "")
    except (MemoryError, Image.DecompressionBombError):
        raise
    except Exception as error:
        if isinstance(error.__cause__, KeyError):  # a number that stands in no table of Pillow's
            raise unread(kind, f"nothing is known by the number {error}") from error
        if UNREAD.search(str(error)):
            raise unread(kind, first_line(error)) from error
        raise damaged("its header makes no sense") from error


def _load(kind: str, image: Image.Image) -> None:
    try:
        image.load()
    except (MemoryError, Image.DecompressionBombError):
        raise
    except Exception as error:
        reason = first_line(error)
        if "out of memory" in reason.lower():
            raise MemoryError from error
        compression = image.info.get("compression")
        if compression in UNREAD_COMPRESSIONS:
            raise unread(kind, f"it is compressed by {compression}") from error
        raise damaged(reason) from error


def _painted_only(image: Image.Image, box: Box | None) -> Image.Image:
    """A GIF's first frame, transparent where the screen reaches beyond it."""
    if box is None or box == (0, 0, *image.size):
        return image
    screen = Image.new("RGBA", image.size)
    screen.paste(image.crop(box).convert("RGBA"), box)
    return screen


def _as_it_is(content: bytes) -> bytes:
    return content


CHECKS: Mapping[str, Callable[[bytes], bytes]] = {"PNG": bare_png, "JPEG": cheap_jpeg}
"""What is looked at before a decoder is."""
