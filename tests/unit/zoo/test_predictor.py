import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from zoo import wire
from zoo.backbone import InputSizes, Preprocessing
from zoo.errors import ImageError, UnavailableError, WeightsUnavailableError
from zoo.predictor import (
    BackboneDetail,
    BackboneRef,
    HeadRef,
    Label,
    Predictor,
    detail_from_json,
    detail_to_json,
)
from zoo.space import Space, TowerSpace

LITE = BackboneRef(plugin="lite", architecture="efficientnet_lite0", weights="in1k")


@contextmanager
def answering(answer: bytes) -> Iterator[tuple[Predictor, list[bytes]]]:
    """A predictor whose every answer is given, and what it was asked."""
    asked: list[bytes] = []

    class Given:
        def ask(self, question: bytes) -> bytes:
            asked.append(question)
            return answer

        def close(self) -> None:
            pass

    yield Predictor("tcp://given:1", timeout_s=5, asking=Given()), asked


def test_vectors_and_errors_come_back_in_the_order_of_the_pictures():
    vectors = np.arange(4, dtype=np.float32).reshape(2, 2)
    error = wire.error_to_json(ImageError("no picture"))
    answer = wire.encode({"dim": 2, "errors": [None, error, None]}, vectors.tobytes())

    with answering(answer) as (predictor, asked):
        first, second, third = predictor.embed(LITE, [b"1", b"22", b"333"])

    assert first.tolist() == [0, 1]
    assert isinstance(second, ImageError)
    assert third.tolist() == [2, 3]
    header, blobs = wire.decode(asked[0])
    assert header["route"] == "/embed"
    assert header["backbone"] == {
        "plugin": "lite",
        "architecture": "efficientnet_lite0",
        "weights": "in1k",
        "space_id": None,
        "precision": "float32",
        "network": None,
    }
    assert [bytes(blob) for blob in blobs] == [b"1", b"22", b"333"]


def test_labels_come_back_best_first():
    answer = wire.encode({"answers": [{"labels": [["cat", 0.75], ["dog", 0.25]]}]})

    with answering(answer) as (predictor, asked):
        answers = predictor.classify(
            LITE, [b"1"], head=HeadRef(blob_key="versions/a", sha256="00"), top_k=2
        )

    assert answers == [
        [Label(label="cat", probability=0.75), Label(label="dog", probability=0.25)]
    ]
    assert wire.decode(asked[0])[0]["head"] == {"blob_key": "versions/a", "sha256": "00"}


def test_the_detail_comes_back_as_it_was():
    preprocessing = Preprocessing(
        input_size=(8, 8),
        resize=9,
        interpolation="bilinear",
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
    )
    tower = TowerSpace(tower="image", layer="", pooling="native", preprocessing=preprocessing)
    detail = BackboneDetail(
        weights_hash="ab",
        dim=4,
        parameters=9,
        blocks=("a", "b"),
        layers=("a",),
        labels=None,
        space=Space(weights_hash="ab", architecture="x", towers=(tower,)),
        towers=("image",),
        multiply_adds=12,
        layer_shapes={"a": (4, 2, 2)},
        taps={"deep": "a"},
        input_sizes=InputSizes(is_fixed=True, minimum=(8, 8)),
        head_output=(1, 10),
    )

    with answering(wire.encode({"detail": detail_to_json(detail)})) as (predictor, _):
        again = predictor.detail(LITE)

    assert again == detail
    assert again.space.space_id == detail.space.space_id


def test_a_detail_kept_by_an_older_version_is_still_read():
    preprocessing = {
        "input_size": [8, 8],
        "resize": 9,
        "interpolation": "bilinear",
        "mean": [0.0, 0.0, 0.0],
        "std": [1.0, 1.0, 1.0],
    }
    tower = {"tower": "image", "layer": "", "pooling": "native", "preprocessing": preprocessing}
    space = {
        "weights_hash": "ab",
        "architecture": "x",
        "towers": [tower],
        "normalisation": "none",
        "precision": "float32",
        "quantisation": "none",
    }
    kept = {
        "weights_hash": "ab",
        "dim": 4,
        "parameters": 9,
        "blocks": ["a"],
        "layers": ["a"],
        "labels": None,
        "space": space,
    }

    again = detail_from_json(kept)

    assert again.dim == 4
    assert again.multiply_adds is None
    assert again.space.towers[0].preprocessing.crop_mode == "center"


def test_an_error_of_the_predictor_is_raised_as_it_was():
    error = WeightsUnavailableError("not here; pip install them", plugin="lite")

    with (
        answering(wire.encode({"error": wire.error_to_json(error)})) as (predictor, _),
        pytest.raises(WeightsUnavailableError, match=r"^not here; pip install them$"),
    ):
        predictor.detail(LITE)


def test_a_predictor_that_does_not_answer_is_unavailable(tmp_path):
    predictor = Predictor(f"unix://{tmp_path / 'p.sock'}", timeout_s=1)

    with pytest.raises(UnavailableError) as caught:
        predictor.thumbnail(b"", size=8)

    assert caught.value.code == "predictor_unavailable"
    assert str(caught.value) == "the predictor does not answer: there is no such socket"
    assert not predictor.is_alive()


def test_an_answer_that_is_no_frame_is_unavailable():
    with (
        answering(b"<html>") as (predictor, _),
        pytest.raises(UnavailableError, match="a frame of 6 bytes is damaged"),
    ):
        predictor.detail(LITE)


def test_importing_the_client_imports_no_torch():
    code = "import sys, zoo.predictor; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
