"""A version with a network of its own is a backbone like any other."""

import base64
import io
import itertools
import json

import numpy as np
import onnx
import pytest
from PIL import Image
from safetensors.numpy import load

from tests.eager import LITE0, EagerService, Json
from tests.tuned import register_tuned
from zoo import wire
from zoo.catalog import models
from zoo.inference.classifiers import run_classifier
from zoo.testing import tiny
from zoo.testing.service import ZooService

COLOURS = {"blue": (30, 40, 200), "green": (40, 190, 60), "red": (210, 40, 30)}
_numbers = itertools.count()


def plain(label: str, number: int) -> bytes:
    """A picture of about one colour, different for each number."""
    red, green, blue = COLOURS[label]
    image = Image.new("RGB", (32, 32), (red, green, blue))
    image.putpixel((number % 32, number // 32), (0, 0, 0))
    stored = io.BytesIO()
    image.save(stored, "PNG")
    return stored.getvalue()


@pytest.fixture
def pets(zoo_service: ZooService, service: EagerService) -> str:
    """A model with one tuned version, its champion."""
    name = service.fresh("pets")
    register_tuned(zoo_service, name)
    moved = service.client.put(f"/v1/models/{name}/aliases/champion", json={"version": 1})
    assert moved.status_code == 200
    return name


def space_of(service: EagerService, model: str) -> tuple[str, str]:
    given = f"data:;base64,{base64.b64encode(plain('red', 0)).decode()}"
    answer = service.client.post("/v1/embeddings", json={"model": model, "input": given})
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()["model"], answer.get_json()["space_id"]


def stem(service: EagerService, asked: Json) -> np.ndarray:
    """What the first block gives."""
    with service.client.post("/v1/features", json=asked) as answer:
        return np.load(io.BytesIO(answer.data))["stem"]


def problem(answer) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def test_it_embeds_into_a_space_of_its_own_by_each_of_its_names(
    zoo_service: ZooService, service: EagerService, pets: str
) -> None:
    own = {space_of(service, name) for name in (pets, f"{pets}:1", f"{pets}@champion")}
    [(name, space_id)] = own
    assert name == f"{pets}:1"
    assert space_of(service, tiny.MODEL)[1] != space_id
    rounded_name, rounded = space_of(service, f"{pets}:1:bf16")
    assert rounded_name == f"{pets}:1:bf16"
    assert rounded != space_id

    red = plain("red", 1)
    tuned, parent = (zoo_service.embed(model, red) for model in (pets, tiny.MODEL))
    assert not np.allclose(tuned, parent, atol=1e-3)


def test_it_classifies_through_its_own_network_and_its_head(
    zoo_service: ZooService, pets: str
) -> None:
    answers = zoo_service.classify(f"{pets}@champion", *(plain(one, 2) for one in COLOURS))
    assert [labels[0]["label"] for labels in answers] == list(COLOURS)


def test_a_collection_keeps_the_version_that_was_newest_when_it_was_made(
    zoo_service: ZooService, service: EagerService, pets: str
) -> None:
    name = zoo_service.collection(model=pets)
    made = service.get(f"/v1/collections/{name}")
    register_tuned(zoo_service, pets, seed=2)
    zoo_service.ingest(name, [(f"{one}.png", plain(one, 3)) for one in COLOURS])

    hits = zoo_service.search(name, plain("green", 4), k=1)
    crossing = service.client.post(
        f"/v1/collections/{name}/search",
        json={"vector": [0.5] * tiny.DIM, "space_id": space_of(service, pets)[1]},
    )
    again = service.client.put(f"/v1/collections/{name}", json={"model": pets})

    assert (made["model"], made["is_random"]) == (f"{pets}:1", False)
    assert hits[0]["name"] == "green.png"
    assert problem(crossing) == (409, "incompatible_space")
    assert problem(again) == (409, "collection_exists")


def test_its_layers_can_be_looked_at(
    zoo_service: ZooService, service: EagerService, pets: str
) -> None:
    name = zoo_service.collection(model=pets)
    zoo_service.ingest(name, [("red.png", plain("red", 5))])
    spec = {"collection": name, "layers": ["stem"]}
    given = f"data:;base64,{base64.b64encode(plain('red', 5)).decode()}"
    asked = {"layers": ["stem"], "input": given}

    job = service.client.post("/v1/jobs", json={"type": "extract", "spec": spec}).get_json()
    tuned, before = (
        stem(service, {**asked, "model": model}) for model in (f"{pets}:1", tiny.MODEL)
    )

    assert service.get(f"/v1/jobs/{job['id']}")["result"]["layers"] == {"stem": [6, 32, 32]}
    assert tuned.shape == before.shape == (1, 6, 32, 32)
    assert not np.allclose(tuned, before, atol=1e-3)


def test_training_goes_on_from_it_with_new_labels_and_names_it_as_the_parent(
    zoo_service: ZooService, service: EagerService, pets: str
) -> None:
    dataset = zoo_service.dataset()
    zoo_service.add_labelled(
        dataset,
        {
            f"{label}ish/{n}.png": plain(label, next(_numbers))
            for label in COLOURS
            for n in range(8)
        },
    )

    first = zoo_service.fine_tune(dataset, name=pets, model=f"{pets}@champion")
    again = zoo_service.fine_tune(dataset, name=pets, model=f"{pets}:2")

    assert (first["state"], first["result"]["version"]) == ("succeeded", f"{pets}:2")
    two, three = (service.get(f"/v1/models/{pets}/versions/{n}") for n in (2, 3))
    assert two["backbone"] == three["backbone"] == f"{pets}:1"
    assert [one["lineage"]["parent"] for one in (two, three)] == [f"{pets}:1", f"{pets}:2"]
    assert two["space_id"] == three["space_id"] == space_of(service, f"{pets}:1")[1]
    assert [step["phase"] for step in again["steps"]].count("embedding") == 0
    [labels] = zoo_service.classify(pets, plain("blue", 700), top_k=1)
    assert labels[0]["label"] == "blueish"


def test_a_network_tuned_from_a_tuned_one_is_built_by_the_same_plugin(
    zoo_service: ZooService, service: EagerService, pets: str
) -> None:
    second = register_tuned(zoo_service, pets, model=f"{pets}:1", seed=2)
    assert second.backbone == f"{pets}:1"
    assert space_of(service, pets) == (f"{pets}:2", second.space_id)


def test_a_head_alone_stands_for_the_backbone_under_it(
    zoo_service: ZooService, service: EagerService
) -> None:
    name, dataset = service.fresh("heads"), zoo_service.dataset()
    zoo_service.add_labelled(
        dataset,
        {f"{label}/{n}.png": plain(label, next(_numbers)) for label in COLOURS for n in range(8)},
    )
    zoo_service.fine_tune(dataset, name=name)
    made = service.get(f"/v1/collections/{zoo_service.collection(model=f'{name}:1')}")
    zoo_service.fine_tune(dataset, name=name, model=name)

    assert made["model"] == tiny.MODEL
    version = service.get(f"/v1/models/{name}/versions/2")
    assert (version["backbone"], version["lineage"]["parent"]) == (tiny.MODEL, f"{name}:1")


def test_a_damaged_network_is_named_with_what_to_use_instead(
    zoo_service: ZooService, service: EagerService, pets: str
) -> None:
    second: Json = register_tuned(zoo_service, pets, seed=3)
    path = zoo_service.context.blobs.local_path(second.weights_key)
    path.write_bytes(path.read_bytes()[:-1])

    moved = service.client.put(f"/v1/models/{pets}/aliases/champion", json={"version": 2})

    assert problem(moved) == (500, "damaged_file")
    detail = moved.get_json()["detail"]
    assert detail.startswith(f"{pets}:2 is refused: the network {second.weights_key!r} has the ")
    assert detail.endswith(f"use {pets}:1, or restore the file from a backup")
    assert service.get(f"/v1/models/{pets}")["aliases"] == {"champion": 1}


def test_it_is_taken_away_as_one_file_with_network_and_head(
    zoo_service: ZooService, service: EagerService, pets: str
) -> None:
    with zoo_service.context.catalog.read() as session:
        version = models.get_version(session, pets, 1)
    assert version is not None
    url = f"/v1/models/{pets}/versions/1/artifact"
    with service.client.get(url) as answer:
        whole, etag = answer.get_data(), answer.headers["ETag"]
    with service.client.get(url, headers={"Range": "bytes=0-7"}) as part:
        assert (part.status_code, part.get_data()) == (206, whole[:8])
    with service.client.get(url, headers={"If-None-Match": etag}) as again:
        assert again.status_code == 304

    found = load(whole)
    for part_name, key in (("network", version.weights_key), ("head", version.blob_key)):
        kept = load(zoo_service.context.blobs.local_path(key).read_bytes())
        assert kept
        for name, tensor in kept.items():
            np.testing.assert_array_equal(found.pop(f"{part_name}.{name}"), tensor)
    assert found == {}
    assert list((zoo_service.home / "tmp").glob("*.safetensors")) == []


def graph_of(service: EagerService, name: str) -> bytes:
    """The first version's graph; whoever asks before it is made waits a while each time."""
    for _ in range(10):
        url = f"/v1/models/{name}/versions/1/artifact?format=onnx"
        with service.client.get(url) as answer:
            if answer.status_code == 200:
                return answer.get_data()
            assert problem(answer) == (503, "export_pending")
            assert answer.headers["Retry-After"] == "5"
    raise AssertionError("the graph is not made")


@pytest.mark.slow
def test_it_is_taken_away_as_a_graph_that_answers_what_the_service_does(
    zoo_service: ZooService, service: EagerService
) -> None:
    name = service.fresh("pets")
    register_tuned(zoo_service, name, model=LITE0)
    content = plain("red", 9)

    whole = graph_of(service, name)
    about = {one.key: one.value for one in onnx.load_from_string(whole).metadata_props}
    prepared = wire.preprocessing_from_json(json.loads(about["preprocessing"]))
    decoded = zoo_service.context.sandbox.decode(content, prepared)
    [logits] = run_classifier(whole, decoded.pixels[None])

    [labels] = zoo_service.classify(name, content)
    told = {one["label"]: one["probability"] for one in labels}
    weights = np.exp(logits - logits.max())
    found = dict(zip(tiny.LABELS, weights / weights.sum(), strict=True))
    assert found == pytest.approx(told, abs=1e-3)


def test_a_network_that_computes_otherwise_is_no_graph(
    service: EagerService, zoo_service: ZooService
) -> None:
    dataset, name = zoo_service.dataset(), service.fresh("rounded")
    zoo_service.add_labelled(
        dataset,
        {f"{label}/{n}.png": plain(label, next(_numbers)) for label in COLOURS for n in range(8)},
    )
    zoo_service.fine_tune(dataset, name=name, model=f"{tiny.MODEL}:bf16")
    answer = service.client.get(f"/v1/models/{name}/versions/1/artifact?format=onnx")
    assert problem(answer) == (422, "not_exportable")
    assert answer.get_json()["detail"] == (
        f"{tiny.MODEL}:bf16 cannot be exported: it computes in bfloat16, a graph in float32; "
        "take format=safetensors"
    )
