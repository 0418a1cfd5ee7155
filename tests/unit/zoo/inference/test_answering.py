import io
import math
import shutil
import time
from dataclasses import asdict

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform

from zoo import wire
from zoo.errors import DamagedError, InvalidError
from zoo.inference import answering as answering_module
from zoo.inference.answering import Answering
from zoo.inference.loading import load_backbone
from zoo.inference.sandboxes import SandboxPool, decode_limits
from zoo.predictor import BackboneRef
from zoo.settings import Settings
from zoo.storage.blobs import file_sha256, open_blobs
from zoo.testing import tiny_texts
from zoo.texts import MAX_TEXT_BYTES
from zoo.training.heads import Head, write_head

PHOTOGRAPHS = {
    "chelsea.png": {"Egyptian cat", "tabby", "tiger cat"},
    "coffee.png": {"espresso", "cup", "coffee mug"},
    "rocket.jpg": {"missile", "projectile", "space shuttle"},
    "china.jpg": {"palace", "monastery", "bell cote"},
    "flower.jpg": {"daisy", "bee", "pot"},
}


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path, forward_batch=4)


@pytest.fixture
def answering(settings):
    sandboxes = SandboxPool(decode_limits(settings), size=1)
    made = Answering(settings, sandboxes=sandboxes)
    yield made
    made.close()
    sandboxes.close()


def ask(answer, request, *images):
    header, blobs = wire.decode(answer(request, images))
    return header, blobs


def test_embeddings_are_what_timm_and_pillow_give(answering, lite0, photograph, tmp_path):
    pictures = [photograph(name) for name in PHOTOGRAPHS]
    transform = create_transform(
        224, mean=(0.5,) * 3, std=(0.5,) * 3, interpolation="bicubic", crop_pct=0.875
    )
    reference = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    own = load_backbone(lite0, weights_cache=tmp_path / "weights").image_tower.module.state_dict()
    reference.load_state_dict(dict(zip(reference.state_dict(), own.values(), strict=True)))

    header, blobs = ask(answering.embed, {"backbone": asdict(lite0)}, *pictures)

    vectors = np.frombuffer(blobs[0], np.float32).reshape(-1, header["dim"])
    assert len(vectors) == len(pictures)
    for vector, picture in zip(vectors, pictures, strict=True):
        pixels = transform(Image.open(io.BytesIO(picture)).convert("RGB"))
        with torch.inference_mode():
            (expected,) = reference(pixels[None]).numpy()
        cosine = vector @ expected / np.linalg.norm(vector) / np.linalg.norm(expected)
        assert cosine >= 0.9999


def test_the_native_head_says_what_is_to_be_seen(answering, lite0, photograph):
    request = {"backbone": asdict(lite0), "head": None, "top_k": 5}

    header, _ = ask(answering.classify, request, *map(photograph, PHOTOGRAPHS))

    for answer, expected in zip(header["answers"], PHOTOGRAPHS.values(), strict=True):
        labels, probabilities = zip(*answer["labels"], strict=True)
        assert labels[0] in expected
        assert len(labels) == 5
        assert sorted(probabilities, reverse=True) == list(probabilities)


def test_an_unreadable_picture_fails_alone(answering, lite0, photograph):
    pictures = [photograph("coffee.png"), b"text", b"", photograph("chelsea.png")]

    header, blobs = ask(answering.embed, {"backbone": asdict(lite0)}, *pictures)

    assert [error and error["class"] for error in header["errors"]] == [
        None,
        "ImageError",
        "ImageError",
        None,
    ]
    assert len(blobs[0]) == 2 * 4 * header["dim"]


def test_pictures_that_are_all_unreadable_are_no_failure(answering, lite0):
    request = {"backbone": asdict(lite0), "head": None, "top_k": 5}

    header, _ = ask(answering.classify, request, b"a", b"b")

    assert [answer["error"]["code"] for answer in header["answers"]] == ["not_an_image"] * 2


def test_a_backbone_without_a_head_cannot_classify(answering, give, tiny, tiny_ref):
    give(tiny())

    with pytest.raises(InvalidError) as caught:
        answering.classify({"backbone": asdict(tiny_ref), "head": None, "top_k": 1}, [])

    assert caught.value.code == "no_native_head"
    assert str(caught.value) == ("model 'fake.tiny.w' brings no classifier; fine-tune one on it")


@pytest.fixture
def head(settings, tmp_path) -> dict[str, str]:
    """A head of record that calls red what is red and blue what is blue."""
    matrix = np.array([[9, 0, 0], [0, 0, 9]], np.float32)
    made = Head(matrix=matrix, bias=np.zeros(2, np.float32), labels=("red", "blue"))
    path = tmp_path / "head.safetensors"
    write_head(path, made, {})
    sha256 = file_sha256(path)
    open_blobs(settings).put("versions/head.safetensors", path)
    return {"blob_key": "versions/head.safetensors", "sha256": sha256}


def blue_picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (20, 10), (0, 0, 255)).save(stream, "PNG")
    return stream.getvalue()


def test_a_head_of_record_is_used(answering, give, tiny, tiny_ref, head):
    give(tiny(head=True))
    request = {"backbone": asdict(tiny_ref), "head": head, "top_k": 9}

    header, _ = ask(answering.classify, request, blue_picture())

    ((answer),) = header["answers"]
    assert [label for label, _ in answer["labels"]] == ["blue", "red"]
    assert sum(probability for _, probability in answer["labels"]) == pytest.approx(1)


def test_a_damaged_head_is_refused(answering, give, tiny, tiny_ref, head, settings):
    give(tiny())
    path = open_blobs(settings).local_path(head["blob_key"])
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    found = file_sha256(path)

    with pytest.raises(DamagedError) as caught:
        answering.classify({"backbone": asdict(tiny_ref), "head": head, "top_k": 1}, [])

    assert str(caught.value) == (
        f"the head 'versions/head.safetensors' has the checksum {found}; "
        f"it should be {head['sha256']}"
    )


WORDS = {"plugin": "fake", "architecture": "words", "weights": "v1"}


def test_texts_are_embedded_and_their_tokens_counted(answering, give):
    give(tiny_texts.plugin.load)
    request = {"backbone": WORDS, "texts": ["one two", " ", "three"]}

    header, blobs = ask(answering.embed_texts, request)

    assert [error and error["code"] for error in header["errors"]] == [None, "empty_text", None]
    assert header["tokens"] == 3
    assert len(blobs[0]) == 2 * 4 * header["dim"]


def test_a_text_that_would_hold_everybody_up_is_refused_alone(answering, give):
    give(tiny_texts.plugin.load)
    request = {"backbone": WORDS, "texts": ["one", "w" * (MAX_TEXT_BYTES + 1)]}

    header, blobs = ask(answering.embed_texts, request)

    assert [error and error["detail"] for error in header["errors"]] == [
        None,
        "the text has 1000001 bytes; at most 1000000 are read",
    ]
    assert len(blobs[0]) == 4 * header["dim"]


def test_a_model_says_what_it_does_not_take(answering, give, tiny, tiny_ref):
    give(tiny())
    with pytest.raises(InvalidError) as no_texts:
        answering.embed_texts({"backbone": asdict(tiny_ref), "texts": ["a cat"]}, [])
    give(tiny_texts.plugin.load)
    with pytest.raises(InvalidError) as no_pictures:
        answering.embed({"backbone": WORDS}, [blue_picture()])

    assert no_texts.value.code == "text_not_supported"
    assert str(no_texts.value) == "model 'fake.tiny.w' takes no texts; its tower is image"
    assert no_pictures.value.code == "images_not_supported"
    assert str(no_pictures.value) == "model 'fake.words.v1' takes no pictures; its tower is text"


def test_a_warmed_head_answers_though_its_file_is_gone(
    answering, give, tiny, tiny_ref, head, settings
):
    give(tiny())
    request = {"backbone": asdict(tiny_ref), "head": head}

    ask(answering.warm, request)
    open_blobs(settings).delete(head["blob_key"])
    header, _ = ask(answering.classify, {**request, "top_k": 1}, blue_picture())

    assert header["answers"][0]["labels"][0][0] == "blue"


def test_a_damaged_head_is_noticed_when_it_is_warmed(answering, give, tiny, tiny_ref, head):
    give(tiny())

    with pytest.raises(DamagedError):
        answering.warm({"backbone": asdict(tiny_ref), "head": {**head, "sha256": "0" * 64}}, [])


def test_what_a_worker_has_exported_meanwhile_is_taken_up(
    exported_home, tmp_path, known, lite0, monkeypatch
):
    """By the next request, once nothing came of an export of its own."""
    monkeypatch.setattr(answering_module, "PAUSE_S", 0.0)
    home = tmp_path / "home"
    shutil.copytree(exported_home / "weights", home / "weights")
    settings = Settings(home=home)
    ref = {**asdict(lite0), "space_id": known.space.space_id}
    sandboxes = SandboxPool(decode_limits(settings), size=1)
    answering = Answering(settings, sandboxes=sandboxes)
    ask(answering.detail, {"backbone": asdict(lite0)})
    (home / "tmp").write_text("no folder can be made here")
    ask(answering.embed, {"backbone": ref}, blue_picture())
    deadline = time.monotonic() + 20
    while answering._export_from[known.space.space_id] == math.inf:
        assert time.monotonic() < deadline, "the export goes on"
        time.sleep(0.02)
    (home / "tmp").unlink()
    shutil.copytree(exported_home / "engines", home / "engines", dirs_exist_ok=True)

    ask(answering.embed, {"backbone": ref}, blue_picture())
    deadline = time.monotonic() + 20
    while answering._models.get(BackboneRef(**ref)).engine_name == "eager":
        assert time.monotonic() < deadline, "torch is still used"
        time.sleep(0.02)

    sandboxes.close()
