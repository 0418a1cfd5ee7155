"""What each mode becomes, pixel by pixel: the expected numbers are worked out here, by numpy."""

import io
import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from tests.hostile.bitmaps import PALETTE, bitmap, frame, gif
from tests.hostile.pngs import COLOUR, COLOUR_ALPHA, GREY, GREY_ALPHA, INDEXED, png
from tests.hostile.tiffs import BITS, PHOTOMETRIC, SAMPLE_FORMAT, SAMPLES, STRIP_BYTES, grey, tiff
from tests.pictures import encode
from zoo.backbone import Preprocessing
from zoo.errors import ImageError
from zoo.images.sandbox import Sandbox

Array = NDArray[np.generic]
DEPTHS = {
    GREY: (1, 2, 4, 8, 16),
    COLOUR: (8, 16),
    INDEXED: (1, 2, 4, 8),
    GREY_ALPHA: (8, 16),
    COLOUR_ALPHA: (8, 16),
}
CHANNELS = {GREY: 1, COLOUR: 3, INDEXED: 1, GREY_ALPHA: 2, COLOUR_ALPHA: 4}
EVERY_PNG = [
    (kind, depth, interlaced)
    for kind, depths in DEPTHS.items()
    for depth in depths
    for interlaced in (False, True)
]
COLOURS = np.random.default_rng(11).integers(0, 256, (256, 3), np.uint8)


def pixels(sandbox: Sandbox, content: bytes) -> NDArray[np.uint8]:
    """The picture's own pixels, at its own size."""
    width, height = sandbox.measure(content)
    as_it_is = Preprocessing(
        input_size=(height, width),
        resize=min(width, height),
        interpolation="nearest",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    )
    return sandbox.decode(content, as_it_is).pixels


def numbers(kind: int, depth: int, *, height: int = 11, width: int = 13) -> NDArray[np.int64]:
    random = np.random.default_rng(depth)
    return random.integers(0, 1 << depth, (height, width, CHANNELS[kind]))


def to_eight(samples: NDArray[np.int64], depth: int) -> NDArray[np.int64]:
    """The upper eight bits of sixteen; fewer are spread over the whole range."""
    return samples >> 8 if depth == 16 else samples * 255 // ((1 << depth) - 1)


def over_white(colours: Array, opacity: Array) -> NDArray[np.int64]:
    share = np.asarray(opacity, np.float64) / 255
    mixed = np.asarray(colours, np.float64) * share + 255 * (1 - share)
    return np.rint(mixed).astype(np.int64)


def assert_close(found: Array, expected: Array, *, within: int) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= within


@pytest.mark.parametrize(("kind", "depth", "interlaced"), EVERY_PNG)
def test_every_kind_of_png(sandbox: Sandbox, kind: int, depth: int, interlaced: bool) -> None:
    samples = numbers(kind, depth)
    before = [(b"PLTE", COLOURS[: 1 << depth].tobytes())] if kind == INDEXED else []
    found = pixels(sandbox, png(samples, kind, depth, before=before, interlaced=interlaced))
    eight = to_eight(samples, depth)
    if kind == INDEXED:
        assert np.array_equal(found, COLOURS[samples[..., 0]])
    elif kind in (GREY, COLOUR):
        assert np.array_equal(found, np.broadcast_to(eight, found.shape))
    else:
        assert_close(found, over_white(eight[..., :-1] + 0 * found, eight[..., -1:]), within=1)


@pytest.mark.parametrize("depth", DEPTHS[GREY])
def test_a_level_of_grey_that_is_transparent_is_white(sandbox: Sandbox, depth: int) -> None:
    samples = numbers(GREY, depth)
    key = int(samples[3, 4, 0])
    found = pixels(sandbox, png(samples, GREY, depth, before=[(b"tRNS", struct.pack("!H", key))]))
    expected = np.where(samples == key, 255, to_eight(samples, depth))
    assert np.array_equal(found, np.broadcast_to(expected, found.shape))


@pytest.mark.parametrize("depth", DEPTHS[COLOUR])
def test_a_colour_that_is_transparent_is_white(sandbox: Sandbox, depth: int) -> None:
    samples = numbers(COLOUR, depth)
    key = samples[3, 4]
    given = png(samples, COLOUR, depth, before=[(b"tRNS", struct.pack("!3H", *key))])
    is_key = (samples == key).all(axis=2, keepdims=True)
    expected = np.where(is_key, 255, to_eight(samples, depth))
    assert np.array_equal(pixels(sandbox, given), expected)


def test_entries_of_a_palette_have_their_own_opacity(sandbox: Sandbox) -> None:
    samples, opacity = numbers(INDEXED, 4), np.array([0, 85, 170, 255], np.uint8)
    before = [(b"PLTE", COLOURS[:16].tobytes()), (b"tRNS", opacity.tobytes())]
    found = pixels(sandbox, png(samples, INDEXED, 4, before=before))
    by_entry = np.append(opacity, np.full(12, 255))
    expected = over_white(COLOURS[samples[..., 0]], by_entry[samples])
    assert_close(found, expected, within=1)


@pytest.mark.parametrize("name", [b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"bKGD"])
def test_what_else_a_png_says_of_its_colours_changes_nothing(
    sandbox: Sandbox, name: bytes
) -> None:
    samples = numbers(COLOUR, 8)
    given = png(samples, COLOUR, 8, before=[(name, struct.pack("!I", 100_000) * 8)])
    assert np.array_equal(pixels(sandbox, given), samples)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey_give_their_upper_eight(sandbox: Sandbox, kind: str) -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    found = pixels(sandbox, encode(Image.fromarray(levels), kind))
    assert np.array_equal(found, np.repeat((levels >> 8)[..., None], 3, axis=2))


@pytest.mark.parametrize(("white", "highest"), [(1, 0.9), (1, 1.0), (255, 200.0), (65535, 60_000)])
def test_floats_go_up_to_one_or_255_or_65535(
    sandbox: Sandbox, white: float, highest: float
) -> None:
    levels = np.linspace(0, highest, 99, dtype=np.float32).reshape(9, 11)
    found = pixels(sandbox, encode(Image.fromarray(levels), "TIFF"))
    expected = np.rint(levels / white * 255)[..., None]
    assert_close(found, np.repeat(expected, 3, axis=2), within=1)
    assert found.max() == round(highest / white * 255)


@pytest.mark.parametrize(("low", "high"), [(-3.5, 3.5), (-100, 0), (0, 1e6), (-1e-3, 0.5)])
def test_floats_beyond_any_of_these_are_stretched(
    sandbox: Sandbox, low: float, high: float
) -> None:
    levels = np.linspace(low, high, 99, dtype=np.float32).reshape(9, 11)
    found = pixels(sandbox, encode(Image.fromarray(levels), "TIFF"))
    expected = np.rint((levels - low) / (high - low) * 255)[..., None]
    assert_close(found, np.repeat(expected, 3, axis=2), within=1)
    assert (found.min(), found.max()) == (0, 255)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 40])
def test_floats_that_are_none_are_refused(sandbox: Sandbox, number: float, place: int) -> None:
    levels = np.linspace(0, 1, 99, dtype=np.float32)
    levels[place] = number
    with pytest.raises(ImageError) as caught:
        sandbox.measure(encode(Image.fromarray(levels.reshape(9, 11)), "TIFF"))
    assert (caught.value.code, caught.value.detail) == (
        "unsupported_format",
        "this kind of TIFF is not read: not all of its numbers are finite; save it as an 8-bit "
        "PNG or JPEG",
    )


@pytest.mark.parametrize("dtype", ["<i2", "<i4"])
def test_signed_integers_below_zero_are_stretched(sandbox: Sandbox, dtype: str) -> None:
    levels = np.linspace(-1000, 3000, 256).astype(dtype).reshape(16, 16)
    found = pixels(sandbox, _integers(levels, sample_format=2))
    expected = np.rint((levels.astype(float) + 1000) / 4000 * 255)[..., None]
    assert_close(found, np.repeat(expected, 3, axis=2), within=1)


def test_integers_of_32_bits_within_16_are_read_as_those(sandbox: Sandbox) -> None:
    levels = np.linspace(0, 65535, 256).astype("<u4").reshape(16, 16)
    found = pixels(sandbox, _integers(levels, sample_format=1))
    assert np.array_equal(found, np.repeat((levels >> 8)[..., None], 3, axis=2))


def test_unsigned_integers_that_pillow_takes_for_signed_are_refused(sandbox: Sandbox) -> None:
    levels = np.linspace(0, 2**32 - 1, 256).astype("<u4").reshape(16, 16)
    with pytest.raises(ImageError) as caught:
        sandbox.measure(_integers(levels, sample_format=1))
    assert caught.value.detail == (
        "this kind of TIFF is not read: its levels go beyond 2147483647; save it as an 8-bit "
        "PNG or JPEG"
    )


def _integers(levels: NDArray[np.integer], *, sample_format: int) -> bytes:
    content = levels.tobytes()
    bits = levels.dtype.itemsize * 8
    more = {BITS: bits, SAMPLE_FORMAT: sample_format, STRIP_BYTES: len(content)}
    return tiff(grey() | more, content)


def cmyk() -> NDArray[np.uint8]:
    steps = np.linspace(0, 255, 4).astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps, steps), axis=-1)
    return grid.reshape(16, 16, 4)


def without_ink(inks: Array) -> NDArray[np.float64]:
    wide = np.asarray(inks, np.float64)
    return (255 - wide[..., :3]) * (255 - wide[..., 3:]) / 255


def test_cmyk_is_light_less_ink(sandbox: Sandbox) -> None:
    found = pixels(sandbox, encode(Image.fromarray(cmyk(), "CMYK"), "TIFF"))
    assert_close(found, without_ink(cmyk()), within=1)


@pytest.mark.parametrize("profile", [b"", b"no profile at all" * 20])
def test_cmyk_of_photoshop_is_stored_inverted(sandbox: Sandbox, profile: bytes) -> None:
    """Adobe's segment says so, and a profile beside it changes nothing."""
    inks = np.full((16, 16, 4), (40, 90, 200, 30), np.uint8)
    given = encode(Image.fromarray(inks, "CMYK"), "JPEG", quality=100, icc_profile=profile)
    assert b"Adobe" in given[:700]
    assert_close(pixels(sandbox, given), without_ink(inks), within=3)


def test_ycck_becomes_cmyk_first(sandbox: Sandbox) -> None:
    """The same segment says that the first three are luminance and chrominance."""
    inks = np.full((16, 16, 4), (100, 90, 150, 60), np.uint8)
    given = encode(Image.fromarray(inks, "CMYK"), "JPEG", quality=100)
    place = given.index(b"Adobe") + 11
    ycck = given[:place] + b"\2" + given[place + 1 :]
    luma, blue, red = 255 - inks[0, 0, :3].astype(float)
    paper = (
        luma + 1.402 * (red - 128),
        luma - 0.344136 * (blue - 128) - 0.714136 * (red - 128),
        luma + 1.772 * (blue - 128),
    )
    stored = np.clip(255 - np.array(paper), 0, 255)
    expected = np.clip(255 - stored, 0, 255)
    found = pixels(sandbox, ycck)[0, 0].astype(float)
    black = 1 - inks[0, 0, 3] / 255
    direct, inverted = expected * black, (255 - expected) * black
    assert min(np.abs(found - direct).max(), np.abs(found - inverted).max()) <= 4


def test_lab_is_under_d50(sandbox: Sandbox) -> None:
    lightness, a, b = np.meshgrid(np.linspace(20, 90, 4), [-25, 0, 25], [-25, 0, 25])
    lab = np.stack([lightness, a, b], axis=-1).reshape(6, 6, 3)
    stored = np.stack([np.rint(lab[..., 0] * 2.55), lab[..., 1], lab[..., 2]], axis=-1)
    content = stored.astype(np.int64).astype(np.uint8).tobytes()
    more = {BITS: 8, PHOTOMETRIC: 8, SAMPLES: 3, STRIP_BYTES: len(content)}
    given = tiff(grey(6, 6) | more, content)
    assert_close(pixels(sandbox, given), srgb_of(lab), within=2)


def srgb_of(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE 15, then sRGB's matrix under D50 (Bradford) and its transfer function."""
    y = (lab[..., 0] + 16) / 116
    folded = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    ratio = np.where(folded > 6 / 29, folded**3, 3 * (6 / 29) ** 2 * (folded - 4 / 29))
    xyz = ratio * (0.96422, 1.0, 0.82521)
    matrix = np.array(
        [
            (3.1338561, -1.6168667, -0.4906146),
            (-0.9787684, 1.9161415, 0.0334540),
            (0.0719453, -0.2289914, 1.4052427),
        ]
    )
    linear = np.clip(xyz @ matrix.T, 0, 1)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return 255 * curved


def test_ycbcr_is_that_of_jpeg(sandbox: Sandbox) -> None:
    samples = np.random.default_rng(1).integers(60, 200, (16, 16, 3), np.uint8)
    more = {BITS: 8, PHOTOMETRIC: 6, SAMPLES: 3, STRIP_BYTES: 768}
    given = tiff(grey() | more, samples.tobytes())
    y, cb, cr = np.moveaxis(samples.astype(float), 2, 0)
    expected = np.stack(
        [
            y + 1.402 * (cr - 128),
            y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128),
            y + 1.772 * (cb - 128),
        ],
        axis=-1,
    )
    assert_close(pixels(sandbox, given), np.clip(expected, 0, 255), within=2)


def test_one_bit_is_black_and_white(sandbox: Sandbox) -> None:
    bits = np.random.default_rng(2).integers(0, 2, (9, 13), np.uint8)
    for kind in ("PNG", "BMP", "TIFF"):
        found = pixels(sandbox, encode(Image.fromarray(bits * 255).convert("1"), kind))
        assert np.array_equal(found, np.repeat(bits[..., None] * 255, 3, axis=2)), kind


def test_white_that_is_zero_is_white(sandbox: Sandbox) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = pixels(sandbox, tiff(grey(PHOTOMETRIC=0), levels.tobytes()))
    assert np.array_equal(found, np.repeat(255 - levels[..., None], 3, axis=2))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_opacity_lies_over_white(sandbox: Sandbox, mode: str) -> None:
    samples = np.random.default_rng(4).integers(0, 256, (9, 11, len(mode)), np.uint8)
    expected = over_white(samples[..., :-1] + np.zeros((9, 11, 3)), samples[..., -1:])
    for kind in ("PNG", "TIFF"):
        found = pixels(sandbox, encode(Image.fromarray(samples, mode), kind))
        assert_close(found, expected, within=1)


def test_colours_multiplied_by_their_opacity_are_divided_first(sandbox: Sandbox) -> None:
    opacity = np.full((16, 16, 1), 128, np.uint8)
    colours = np.full((16, 16, 3), (100, 60, 20), np.uint8)
    multiplied = np.concatenate([colours, opacity], axis=2)
    more = {BITS: 8, PHOTOMETRIC: 2, SAMPLES: 4, STRIP_BYTES: 1024, 338: 1}
    found = pixels(sandbox, tiff(grey() | more, multiplied.tobytes()))
    assert_close(found, colours + 127.0, within=2)


def test_a_bitmap_lies_upside_down_unless_its_height_is_negative(sandbox: Sandbox) -> None:
    rows = np.random.default_rng(6).integers(0, 256, (8, 8, 3), np.uint8)
    body = rows[..., ::-1].tobytes()
    assert np.array_equal(pixels(sandbox, bitmap(8, -8, body=body)), rows)
    assert np.array_equal(pixels(sandbox, bitmap(8, 8, body=body)), rows[::-1])


def test_what_a_first_frame_leaves_out_is_white(sandbox: Sandbox) -> None:
    given = gif(8, 8, frame(2, 3, 4, 2, pixels=bytes([1] * 8)), frame(0, 0, 8, 8), background=2)
    expected = np.full((8, 8, 3), 255, np.uint8)
    expected[3:5, 2:6] = list(PALETTE[3:6])
    assert np.array_equal(pixels(sandbox, given), expected)


def test_of_many_pages_the_first_is_read(sandbox: Sandbox) -> None:
    pages = [Image.new("L", (8, 8), level) for level in (10, 20, 30)]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    assert np.array_equal(pixels(sandbox, buffer.getvalue()), np.full((8, 8, 3), 10))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_a_compressed_tiff_is_turned_once(
    sandbox: Sandbox, compression: str, orientation: int
) -> None:
    levels = np.arange(48, dtype=np.uint8).reshape(6, 8)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[274] = orientation
    given = encode(Image.fromarray(levels), "TIFF", compression=compression, tiffinfo=tags)
    expected = levels[::-1, ::-1] if orientation == 3 else np.rot90(levels, -1)
    assert np.array_equal(pixels(sandbox, given)[..., 0], expected)
