"""Who shares a batch with a hostile file gets the very numbers that it gets without it."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.hostile.catalogue import ALL
from tests.pictures import picture
from zoo.errors import IMAGE_CODES, ContentError
from zoo.images import decoder
from zoo.images.sandbox import DecodeLimits, Sandbox
from zoo.inference.models import LoadedModel, ModelCache
from zoo.inference.pipeline import Embedded, embed_contents
from zoo.predictor import BackboneDetail, BackboneRef
from zoo.settings import Settings

LIMITS = DecodeLimits(max_bytes=25_000_000, max_pixels=64_000_000, timeout_s=1)
CHILD = """
import os, signal, sys, time
sys.path.insert(0, {root!r})
from zoo.images.child import serving
read = serving.read

def read_or_fail(content, *, max_pixels):
    if content == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if content == b"hang":
        time.sleep(60)
    if content == b"exit":
        os._exit(3)
    return read(content, max_pixels=max_pixels)

serving.read = read_or_fail
serving.main()
"""
REFUSALS = {
    "crash": ("decoder_crashed", "the picture crashed its decoder (SIGSEGV)"),
    "hang": ("decoder_timeout", "the picture took more than 1 s to decode"),
    "exit": ("decoder_crashed", "the picture crashed its decoder (exit code 3)"),
}
Found = dict[str, Embedded | ContentError]


@pytest.fixture(scope="module")
def good() -> dict[str, bytes]:
    return {f"good {n}": picture(500 + n, width=90, height=70) for n in range(11)}


@pytest.fixture
def exported(exported_home: Path, known: BackboneDetail, lite0: BackboneRef) -> LoadedModel:
    """Lite0 as workers forward it: ONNX Runtime, batches of eight."""
    ref = replace(lite0, space_id=known.space.space_id)
    return ModelCache(Settings(home=exported_home)).get(ref)


@pytest.fixture
def failing_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The real child, but for three files at which it crashes, hangs or ends."""
    child = tmp_path / "child.py"
    child.write_text(CHILD.format(root=str(Path(__file__).parents[4])))
    monkeypatch.setattr(decoder, "CHILD", child)


def embedded(model: LoadedModel, files: dict[str, bytes]) -> Found:
    contents = [(name, partial(bytes, content)) for name, content in files.items()]
    with Sandbox(LIMITS) as sandbox:
        return dict(embed_contents(contents, model=model, sandbox=sandbox, batch=8))


def among(good: dict[str, bytes], bad: dict[str, bytes]) -> dict[str, bytes]:
    """The bad ones one by one between the good ones."""
    places = np.linspace(0, len(good) - 1, len(bad)).astype(int)
    mixed: dict[str, bytes] = {}
    for place, (name, content) in enumerate(good.items()):
        mixed[name] = content
        mixed |= {one: bad[one] for one, at in zip(bad, places, strict=True) if at == place}
    return mixed


def assert_same_vectors(found: Found, clean: Found) -> None:
    for name, expected in clean.items():
        one = found[name]
        assert isinstance(one, Embedded)
        assert isinstance(expected, Embedded)
        assert one.vector.tobytes() == expected.vector.tobytes(), name


@pytest.mark.usefixtures("failing_child")
def test_a_crash_and_a_hang_cost_their_own_picture_alone(
    exported: LoadedModel, good: dict[str, bytes]
) -> None:
    clean = embedded(exported, good)

    found = embedded(exported, among(good, {name: name.encode() for name in REFUSALS}))

    assert_same_vectors(found, clean)
    refused = {name: one for name, one in found.items() if isinstance(one, ContentError)}
    assert {name: (one.code, one.detail) for name, one in refused.items()} == REFUSALS


def test_hostile_files_leave_their_neighbours_numbers_as_they_are(
    exported: LoadedModel, good: dict[str, bytes]
) -> None:
    clean = embedded(exported, good)
    bad = {f"{kind}: {one.name}": one.make() for kind, one in ALL if isinstance(one.verdict, str)}
    assert len(bad) > 100

    found = embedded(exported, among(good, bad))

    assert_same_vectors(found, clean)
    wanted = {f"{kind}: {one.name}": one.verdict for kind, one in ALL}
    refused = {name: one.code for name, one in found.items() if isinstance(one, ContentError)}
    assert refused == {name: wanted[name] for name in bad}
    assert set(refused.values()) <= IMAGE_CODES
