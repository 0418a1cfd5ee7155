"""Each hostile or odd file has its verdict, soon, and costs the child nothing that lasts."""

import re
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.hostile.cases import Case, Verdict
from tests.hostile.catalogue import CATALOGUE
from tests.hostile.mutations import seeds, spoil
from tests.pictures import ORIENTATION, encode, picture
from zoo.errors import ImageError
from zoo.images.replies import REFUSALS
from zoo.images.sandbox import BASE_MEMORY_BYTES, BYTES_A_PIXEL, DecodeLimits, Sandbox

LIMITS = DecodeLimits(max_bytes=25_000_000, max_pixels=64_000_000, timeout_s=30)
TOLD_BEFORE = {"empty_file", "file_too_large"}
"""Codes of what never reaches the child."""
SENTENCE = re.compile(r"[\x20-\x7e]{1,300}")
UNCLOSED = re.compile(r"Traceback|/home|site-packages|0x[0-9a-f]{8}|\.py")
"""What no answer to a stranger may tell."""
SOON_S = 5.0
PEAK_KB = 600_000


def verdict_of(sandbox: Sandbox, content: bytes) -> Verdict:
    try:
        return sandbox.measure(content)
    except ImageError as error:
        refusal = error
    assert SENTENCE.fullmatch(refusal.detail), refusal.detail
    assert not UNCLOSED.search(refusal.detail), refusal.detail
    return refusal.code


def peak_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_file_has_its_verdict_and_leaves_the_child_as_it_was(kind: str) -> None:
    with Sandbox(LIMITS) as sandbox:
        sandbox.measure(picture())
        pid = sandbox.pid
        assert pid is not None
        wrong = {one.name: found for one in CATALOGUE[kind] if (found := _fault(sandbox, one))}
        assert wrong == {}
        assert sandbox.pid == pid
        assert peak_kb(pid) < PEAK_KB


def _fault(sandbox: Sandbox, one: Case) -> str:
    content = one.make()
    before = time.monotonic()
    found = verdict_of(sandbox, content)
    elapsed_s = time.monotonic() - before
    if found != one.verdict:
        return f"{found} instead of {one.verdict}"
    return f"took {elapsed_s:.1f} s" if elapsed_s > SOON_S else ""


@pytest.mark.parametrize("kind", CATALOGUE)
def test_the_files_are_the_same_on_every_run(kind: str) -> None:
    assert [one.name for one in CATALOGUE[kind] if one.make() != one.make()] == []
    names = [one.name for one in CATALOGUE[kind]]
    assert len(names) == len(set(names))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "kind"), [("RGBA", "PNG"), ("RGBA", "WEBP"), ("CMYK", "JPEG"), ("F", "TIFF")]
)
def test_the_largest_pictures_of_the_worst_modes_are_read_within_the_childs_memory(
    mode: str, kind: str
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    options = {
        "WEBP": {"lossless": True, "method": 0},
        "TIFF": {"compression": "tiff_adobe_deflate"},
    }.get(kind, {})
    content = encode(Image.new(mode, (8000, 8000), 9), kind, exif=exif.tobytes(), **options)
    with Sandbox(LIMITS) as sandbox:
        assert sandbox.measure(content) == (8000, 8000)
        assert sandbox.pid is not None
        assert peak_kb(sandbox.pid) * 1024 < BASE_MEMORY_BYTES + BYTES_A_PIXEL * LIMITS.max_pixels


def test_nothing_that_became_of_good_files_gets_more_than_an_answer(sandbox: Sandbox) -> None:
    """Hundreds of files by a seed; `--all` tries thousands more."""
    _try(sandbox, range(300))


@pytest.mark.slow
def test_thousands_of_spoiled_files_get_no_more_than_an_answer(sandbox: Sandbox) -> None:
    _try(sandbox, range(1_000, 21_000))


def _try(sandbox: Sandbox, numbers: range) -> None:
    sources = seeds()
    sandbox.measure(picture())
    pid = sandbox.pid
    seen = set()
    for number in numbers:
        found = verdict_of(sandbox, spoil(sources, number))
        seen.add(found if isinstance(found, str) else "picture")
        assert sandbox.pid == pid, f"number {number} ended the child"
    assert seen <= REFUSALS | TOLD_BEFORE | {"picture"}
    assert {"picture", "truncated_image", "unsupported_format", "not_an_image"} <= seen
