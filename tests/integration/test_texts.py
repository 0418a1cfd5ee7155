"""Collections of texts, and of pictures with captions, from the request to the hit."""

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from tests.tiny_models import save_pair
from zoo.names import new_id
from zoo.testing import tiny, tiny_texts
from zoo.testing.asking import RefusedError, data_uri
from zoo.testing.pictures import COLOURS, coloured, picture, zipped
from zoo.testing.service import ZooService

MINILM = "transformers.all-minilm-l6-v2"
NOTES = [
    "The cat sleeps on the warm stove",
    "Interest rates rose for the third time this year",
    "Bake the bread for forty minutes",
    "The spacecraft entered orbit around Mars",
    "Shares fell after the central bank spoke",
]


@pytest.fixture(scope="module")
def service(zoo_service: ZooService) -> ZooService:
    zoo_service.install_backbone(tiny_texts.plugin, name=tiny_texts.NAME)
    return zoo_service


def refused(service: ZooService, name: str, code: str, **query: object) -> str:
    with pytest.raises(RefusedError) as caught:
        service.search(name, **query)
    assert (caught.value.status, caught.value.problem["code"]) == (422, code)
    return str(caught.value.problem["detail"])


def test_a_text_finds_what_means_the_same_with_real_weights(service: ZooService) -> None:
    notes = service.collection(model=MINILM)
    job = service.ingest_texts(notes, *NOTES)

    hits = service.search(notes, text="monetary policy", k=2)

    assert job["result"] == {"embedded": 5, "reused": 0, "failed": 0}
    assert {hit["name"] for hit in hits} == {NOTES[1], NOTES[4]}
    assert service.search(notes, text="astronomy", k=1)[0]["name"] == NOTES[3]
    [again] = service.search(notes, item_id=hits[0]["item_id"], k=1)
    assert again["score"] == pytest.approx(1, abs=1e-5)
    assert service.get("/v1/models/" + MINILM)["detail"]["towers"] == ["text"]


def test_texts_come_as_json_files_and_archives_alike(service: ZooService) -> None:
    c = service.collection(model=tiny_texts.WORDS)
    given = {"text": "one two", "id": "first:1", "name": "n", "label": "l", "metadata": {"a": [1]}}
    service.ingest_texts(c, given)
    service.ingest(c, {"b.txt": b"three four", "more.zip": zipped({"x/c.txt": b"five six"})})
    url = f"/v1/collections/{c}/items"
    raw = service.client.post(f"{url}?name=d.txt", data=b"seven", content_type="text/plain")

    assert raw.status_code == 202
    items = {item["name"]: item for item in service.items(c)}
    assert sorted(items) == ["b.txt", "d.txt", "n", "x/c.txt"]
    assert {item["kind"] for item in items.values()} == {"text"}
    assert items["n"]["id"] == "first:1"
    assert (items["n"]["label"], items["n"]["metadata"]) == ("l", {"a": [1]})
    assert service.text(c, "first:1") == "one two"
    [hit] = service.search(c, text="six five", k=1)
    assert (hit["name"], hit["kind"]) == ("x/c.txt", "text")


def test_a_text_without_a_name_is_called_by_its_first_words(service: ZooService) -> None:
    c = service.collection(model=tiny_texts.WORDS)
    service.ingest_texts(c, "  one\n two ", "word " * 50)

    names = [item["name"] for item in service.items(c)]
    assert names[0] == "one two"
    assert len(names[1]) == 80


def test_an_item_with_the_same_id_is_replaced(service: ZooService) -> None:
    c = service.collection(model=tiny_texts.WORDS)
    for text in ("one", "two"):
        service.ingest_texts(c, {"text": text, "id": "only"})

    [item] = service.items(c)
    assert service.text(c, item["id"]) == "two"
    assert service.search(c, text="two", k=5)[0]["score"] == pytest.approx(1, abs=1e-5)


def test_the_same_text_is_forwarded_once_ever(service: ZooService) -> None:
    c, d = (service.collection(model=tiny_texts.WORDS) for _ in range(2))
    one, two = new_id("word"), new_id("word")
    first = service.ingest_texts(c, one, one, two)
    second = service.ingest_texts(d, two)

    assert first["result"] == {"embedded": 2, "reused": 1, "failed": 0}
    assert second["result"] == {"embedded": 0, "reused": 1, "failed": 0}


def test_what_is_no_text_fails_alone_with_its_code(service: ZooService) -> None:
    c = service.collection(model=tiny_texts.WORDS)
    files = {
        "good.txt": b"fine",
        "latin.txt": b"caf\xe9",
        "picture.png": picture(kind="PNG"),
        "blank.txt": b" \n",
    }
    job = service.ingest(c, files)
    texts = service.ingest_texts(c, "fine too", " ", "a " * 600_000)

    failed = {one["name"]: one["error"]["code"] for one in service.rows(
        f"/v1/jobs/{job['id']}/items?state=failed")}  # fmt: skip
    assert failed == {
        "latin.txt": "not_text",
        "picture.png": "not_text",
        "blank.txt": "empty_text",
    }
    assert texts["result"] == {"embedded": 1, "reused": 0, "failed": 2}


def test_a_text_finds_pictures_and_captions_in_one_collection(service: ZooService) -> None:
    c = service.collection(model=tiny_texts.CAPTIONS)
    service.ingest(c, {f"{name}.png": coloured(colour) for name, colour in COLOURS.items()})
    service.ingest_texts(c, "something red", "the blue one", "GIF89a is a green format")

    hits = service.search(c, text="green", k=2)

    assert {(hit["name"], hit["kind"]) for hit in hits} == {
        ("green.png", "image"),
        ("GIF89a is a green format", "text"),
    }
    by_picture = service.search(c, coloured(COLOURS["blue"], 7), k=2)
    assert {hit["name"] for hit in by_picture} == {"blue.png", "the blue one"}


def test_a_real_pair_finds_what_transformers_own_numbers_say(
    make_zoo_service, zoo_disabled_plugins: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_pair(tmp_path / "models" / "tiny-clip")
    monkeypatch.setenv("ZOO_TRANSFORMERS_MODELS", str(tmp_path / "models"))
    others = set(zoo_disabled_plugins.split(",")) - {"transformers"}
    service: ZooService = make_zoo_service(disabled_plugins=",".join({*others, "lite"}))
    service.refresh_plugins("transformers")
    c = service.collection(model="transformers.tiny-clip")
    service.ingest(c, {f"{name}.png": coloured(colour) for name, colour in COLOURS.items()})
    hits = service.search(c, text="a red cat", k=3)

    vectors = service.embed_texts("transformers.tiny-clip", "a red cat", "the dog")
    tokens = AutoTokenizer.from_pretrained(folder)(
        ["a red cat", "the dog"], padding=True, return_tensors="pt", return_token_type_ids=False
    )
    with torch.inference_mode():
        expected = AutoModel.from_pretrained(folder).get_text_features(**tokens).pooler_output
    torch.testing.assert_close(torch.tensor(vectors), expected, atol=1e-4, rtol=1e-4)
    pictures = torch.tensor(
        service.embed("transformers.tiny-clip", *(coloured(c) for c in COLOURS.values()))
    )
    scores = torch.nn.functional.cosine_similarity(expected[:1], pictures)
    found = {hit["name"]: hit["score"] for hit in hits}
    for name, score in zip(COLOURS, scores.tolist(), strict=True):
        assert found[f"{name}.png"] == pytest.approx(score, abs=1e-3)


def test_embeddings_of_texts_count_their_tokens(service: ZooService) -> None:
    asked = {
        "model": tiny_texts.CAPTIONS,
        "input": ["one two", data_uri(picture()), "data: three"],
    }
    body = service.post_json("/v1/embeddings", asked)

    assert body["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    assert [row["index"] for row in body["data"]] == [0, 1, 2]
    vectors = service.embed_texts(tiny_texts.CAPTIONS, "one two", "data: three")
    assert body["data"][0]["embedding"] == pytest.approx(vectors[0], abs=1e-6)
    assert body["data"][2]["embedding"] == pytest.approx(vectors[1], abs=1e-6)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["fine", ""], "empty_text"),
        (["a\0b"], "not_text"),
        (["fine", "w" * 1_000_001], "text_too_long"),
        (["word"] * 513, "too_many_texts"),
        ([], "no_files"),
        (data_uri(b"PNG"), "images_not_supported"),
    ],
)
def test_inputs_that_cannot_be_embedded_are_refused(
    service: ZooService, given: object, code: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        service.post_json("/v1/embeddings", {"model": tiny_texts.WORDS, "input": given})

    assert (caught.value.status, caught.value.problem["code"]) == (422, code)


def test_a_model_is_asked_only_for_what_it_takes(service: ZooService) -> None:
    c = service.collection(model=tiny_texts.WORDS)
    assert refused(service, c, "images_not_supported", image=data_uri(picture())) == (
        "image is a picture, and tiny_texts.words.v1 takes texts; send the text as it is"
    )
    refused(service, c, "empty_text", text=" ")
    refused(service, c, "one_query_needed", text="a", item_id="b")
    c = service.collection(model=tiny.MODEL)
    assert refused(service, c, "text_not_supported", text="a") == (
        "text is a text, and tiny.colours.v1 takes pictures"
    )
    with pytest.raises(RefusedError) as caught:
        service.ingest_texts(c, "a text")
    assert caught.value.problem["code"] == "text_not_supported"


def test_ids_are_checked_before_anything_is_kept(service: ZooService) -> None:
    c = service.collection(model=tiny_texts.WORDS)
    for items, code in (
        ([{"text": "a", "id": "x"}, {"text": "b", "id": "x"}], "repeated_id"),
        ([{"text": "a", "id": "no spaces"}], "invalid"),
        ([], "invalid"),
        ([{"text": "a", "txet": "b"}], "invalid"),
    ):
        with pytest.raises(RefusedError) as caught:
            service.ingest_texts(c, *items)
        assert (caught.value.status, caught.value.problem["code"]) == (422, code)
    assert service.items(c) == []


def test_fine_tuning_on_a_text_model_is_refused_plainly(service: ZooService) -> None:
    dataset = service.dataset()
    files = {f"{name}/{n}.png": coloured(c, n) for name, c in COLOURS.items() for n in range(4)}
    service.add_labelled(dataset, files)
    with pytest.raises(RefusedError) as caught:
        service.fine_tune(dataset, name="reader", model=tiny_texts.WORDS)

    assert (caught.value.status, caught.value.problem["code"]) == (422, "images_not_supported")


def test_texts_in_a_dataset_fail_one_by_one(service: ZooService) -> None:
    job = service.add_labelled(service.dataset(), {"a/1.txt": b"text", "b/1.txt": b"more"})

    assert (job["state"], job["error"]["code"]) == ("failed", "no_item_succeeded")
