"""What the sandbox makes of pictures, good and bad, with a real child."""

import io
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pictures import (
    BLUE,
    GREEN,
    GREY,
    RED,
    animated,
    broken_exif,
    corners,
    encode,
    grey16,
    half_transparent,
    huge_png,
    huge_webp,
    palette_transparent,
    picture,
    png_of,
    truncated,
    turned,
)
from zoo.backbone import Preprocessing
from zoo.errors import IMAGE_CODES, ImageError
from zoo.images.sandbox import Sandbox

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "MPO")


def as_is(width: int, height: int) -> Preprocessing:
    return Preprocessing(
        input_size=(height, width),
        resize=min(width, height),
        interpolation="bicubic",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    )


def refusal(sandbox: Sandbox, content: bytes) -> tuple[str, str]:
    with pytest.raises(ImageError) as caught:
        sandbox.measure(content)
    assert caught.value.code in IMAGE_CODES
    return caught.value.code, caught.value.detail


def peak_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read(sandbox: Sandbox, kind: str) -> None:
    assert sandbox.measure(picture(1, width=50, height=40, kind=kind)) == (50, 40)


def test_an_empty_file_is_told(sandbox: Sandbox) -> None:
    assert refusal(sandbox, b"") == ("empty_file", "the file is empty")


@pytest.mark.parametrize(
    "content",
    [b"hello", b"BMW is a maker of cars", b"RIFF\x24\0\0\0WAVEfmt ", bytes(100), b"\xff" * 100],
)
def test_other_files_are_no_pictures(sandbox: Sandbox, content: bytes) -> None:
    assert refusal(sandbox, content) == ("not_an_image", "the file is not a picture")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("SVG", b"<svg xmlns='x'/>"),
        ("PDF", b"%PDF-1.7"),
        ("HEIC", b"\0\0\0\x18ftypheic\0\0"),
    ],
)
def test_pictures_of_other_formats_are_told_what_is_read(
    sandbox: Sandbox, name: str, content: bytes
) -> None:
    code, detail = refusal(sandbox, content)
    assert code == "unsupported_format"
    assert detail == f"{name} is not read; use one of {', '.join(FORMATS)}"


def test_a_variant_that_is_not_read_is_told(sandbox: Sandbox) -> None:
    content = bytearray(picture())
    content[content.index(b"\xff\xc0") + 4] = 12
    assert refusal(sandbox, bytes(content)) == (
        "unsupported_format",
        "this kind of JPEG is not read: cannot handle 12-bit layers; save it as an 8-bit PNG or "
        "JPEG",
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_a_picture_cut_off_within_its_pixels_is_told(sandbox: Sandbox, kind: str) -> None:
    assert refusal(sandbox, truncated(kind=kind))[0] == "truncated_image"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "BMP"])
def test_a_picture_cut_off_within_its_header_is_told(sandbox: Sandbox, kind: str) -> None:
    found = refusal(sandbox, picture(kind=kind)[:14])
    assert found[0] == "truncated_image"
    assert found[1].startswith("the picture is cut off or damaged: ")


def test_a_file_of_too_many_bytes_never_reaches_the_child(sandbox: Sandbox) -> None:
    assert refusal(sandbox, bytes(25_000_001)) == (
        "file_too_large",
        "the file has 25000001 bytes; at most 25000000 are read",
    )


@pytest.mark.parametrize("make", [huge_png, huge_webp])
def test_a_picture_of_300_megapixels_is_refused_by_its_header(
    sandbox: Sandbox, make: Callable[[], bytes]
) -> None:
    content = make()
    assert len(content) < 1_000_000
    sandbox.measure(picture())
    before = time.monotonic()
    found = refusal(sandbox, content)
    assert time.monotonic() - before < 1
    assert found == (
        "too_many_pixels",
        "the picture has more than 64000000 pixels, which is all that is read",
    )
    assert sandbox.pid is not None
    assert peak_kb(sandbox.pid) < 200_000


def test_exactly_the_allowed_pixels_are_read(sandbox: Sandbox) -> None:
    content = encode(Image.new("L", (8000, 8000)), "PNG")
    assert sandbox.measure(content) == (8000, 8000)
    assert refusal(sandbox, png_of(8001, 8000))[0] == "too_many_pixels"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_applied(sandbox: Sandbox, kind: str, orientation: int) -> None:
    found = sandbox.decode(turned(orientation, kind=kind), as_is(48, 32))
    assert (found.width, found.height) == (48, 32)
    for colour, (x, y) in {RED: (8, 8), GREEN: (40, 8), BLUE: (8, 24), GREY: (40, 24)}.items():
        assert np.abs(found.pixels[y, x].astype(int) - colour).max() <= 12


def test_exif_that_is_broken_does_no_harm(sandbox: Sandbox) -> None:
    good = sandbox.decode(encode(corners(), "JPEG", quality=95), as_is(48, 32))
    found = sandbox.decode(broken_exif(), as_is(48, 32))
    assert np.array_equal(found.pixels, good.pixels)


@pytest.mark.parametrize(
    "content",
    [
        half_transparent("PNG"),
        half_transparent("WEBP"),
        half_transparent("TIFF"),
        palette_transparent("PNG"),
        palette_transparent("GIF"),
    ],
)
def test_what_is_transparent_lies_over_white(sandbox: Sandbox, content: bytes) -> None:
    pixels = sandbox.decode(content, as_is(32, 32)).pixels
    assert pixels[:, :15].max() <= 2
    assert pixels[:, 17:].min() >= 253


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(sandbox: Sandbox, kind: str) -> None:
    pixels = sandbox.decode(grey16(kind), as_is(256, 32)).pixels
    assert np.abs(pixels[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    assert pixels[0, -1].tolist() == [255, 255, 255]


def test_cmyk_becomes_rgb(sandbox: Sandbox) -> None:
    content = encode(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG", quality=95)
    pixels = sandbox.decode(content, as_is(32, 32)).pixels
    assert np.abs(pixels.astype(int) - RED).max() <= 4


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_of_an_animation_the_first_frame_is_read(sandbox: Sandbox, kind: str) -> None:
    pixels = sandbox.decode(animated(kind), as_is(32, 32)).pixels
    assert np.abs(pixels.astype(int) - RED).max() <= 4


def test_a_picture_far_too_long_for_the_model_is_refused(sandbox: Sandbox) -> None:
    content = encode(Image.new("RGB", (1, 20_000), RED), "PNG")
    assert sandbox.measure(content) == (1, 20_000)
    with pytest.raises(ImageError) as caught:
        sandbox.decode(content, as_is(224, 224))
    assert caught.value.code == "too_many_pixels"
    assert caught.value.detail == (
        "the picture is 1 x 20000 pixels; resized for the model it would have 224 x 4480000, "
        "more than 64000000"
    )


def test_a_thumbnail_is_a_small_jpeg(sandbox: Sandbox) -> None:
    jpeg = sandbox.thumbnail(picture(width=400, height=300, kind="PNG"), size=100)
    with Image.open(io.BytesIO(jpeg)) as image:
        assert (image.format, image.size) == ("JPEG", (100, 75))


def test_a_thumbnail_never_grows_a_picture(sandbox: Sandbox) -> None:
    with Image.open(io.BytesIO(sandbox.thumbnail(picture(), size=256))) as image:
        assert image.size == (64, 48)


def test_bad_pictures_leave_the_child_running(sandbox: Sandbox) -> None:
    sandbox.measure(picture())
    before = sandbox.pid
    for content in (b"text", truncated(), huge_png()):
        refusal(sandbox, content)
    assert sandbox.pid == before


def test_a_picture_beyond_the_childs_memory_is_told(sandbox: Sandbox) -> None:
    """The second child has its full memory again: what an old one cannot, a new one may."""
    content = encode(Image.new("RGB", (7000, 7000)), "PNG")
    sandbox.measure(picture())
    old = sandbox.pid
    assert old is not None
    resource.prlimit(old, resource.RLIMIT_AS, (200_000_000, 200_000_000))
    assert sandbox.measure(content) == (7000, 7000)
    assert sandbox.pid not in (old, None)
