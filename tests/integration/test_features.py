"""Layers over HTTP: in every form in which pictures come, and as npz files that numpy opens."""

import io

import numpy as np
import pytest
import torch
from werkzeug.test import TestResponse

from tests.eager import EagerService
from zoo.testing import tiny, tiny_network, tiny_texts
from zoo.testing.asking import data_uri
from zoo.testing.pictures import picture
from zoo.testing.service import ZooService

URL = "/v1/features"
IMAGES = [picture(seed) for seed in range(3)]


def ask(service: EagerService, images: list[bytes] = IMAGES, **more: object) -> TestResponse:
    given = [data_uri(image) for image in images]
    return service.client.post(URL, json={"model": tiny.MODEL, "input": given, **more})


def read(answer: TestResponse) -> dict[str, np.ndarray]:
    assert answer.status_code == 200, answer.get_json()
    assert answer.mimetype == "application/x-npz"
    assert answer.content_length == len(answer.get_data())
    with answer, np.load(io.BytesIO(answer.get_data()), allow_pickle=False) as arrays:
        return dict(arrays)


def test_several_layers_come_in_one_file_under_the_names_that_were_asked(
    service: EagerService,
) -> None:
    arrays = read(ask(service, layers=["stem", "body", "deep", "stem"]))

    assert list(arrays) == ["stem", "body", "deep"]
    assert {name: array.shape for name, array in arrays.items()} == {
        "stem": (3, 6, 32, 32),
        "body": (3, 6, 16, 16),
        "deep": (3, 6, 4, 4),
    }
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


def test_layers_hold_what_the_rest_of_the_network_makes_the_embedding_of(
    service: EagerService,
) -> None:
    body = read(ask(service, layers=["body"]))["body"]
    given = [data_uri(image) for image in IMAGES]
    embedded = service.client.post("/v1/embeddings", json={"model": tiny.MODEL, "input": given})
    expected = [row["embedding"] for row in embedded.get_json()["data"]]

    module = tiny_network.build(is_random=False).towers["image"].module
    rest = module.get_submodule("flat")(module.get_submodule("pool")(torch.from_numpy(body)))

    np.testing.assert_allclose(rest.numpy(), expected, atol=1e-5)


def test_the_layout_turns_maps_and_the_mean_is_over_their_places(service: EagerService) -> None:
    first = read(ask(service, layers=["body"]))["body"]
    last = read(ask(service, layers=["body"], layout="nhwc"))["body"]
    means = read(ask(service, layers=["body"], pool="mean"))["body"]

    assert last.shape == (3, 16, 16, 6)
    np.testing.assert_array_equal(last, first.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(means, first.mean((2, 3)), rtol=1e-5)


@pytest.mark.parametrize("layers", [["stem,body"], ["stem", "body"]])
def test_parts_of_a_form_and_bare_bytes_give_the_same(
    service: EagerService, layers: list[str]
) -> None:
    expected = read(ask(service, IMAGES[:1], layers=["stem", "body"], layout="nhwc"))
    fields = {"model": tiny.MODEL, "layers": layers, "layout": "nhwc"}
    part = (io.BytesIO(IMAGES[0]), "a.bin", "application/octet-stream")

    form = service.client.post(URL, data={**fields, "image": part})
    bare = service.client.post(
        URL, query_string=fields, data=IMAGES[0], content_type="application/octet-stream"
    )

    for found in (read(form), read(bare)):
        assert found.keys() == expected.keys()
        for name, array in found.items():
            np.testing.assert_array_equal(array, expected[name])


def test_shapes_are_told_without_a_picture(service: EagerService) -> None:
    asked = {"model": tiny.MODEL, "layers": ["deep", "stem"], "layout": "nhwc"}
    answer = service.client.post(URL, json={**asked, "shapes_only": True})

    assert answer.get_json() == {
        "model": tiny.MODEL,
        "layers": {
            "deep": {"layer": "pool", "shape": [4, 4, 6], "size_bytes": 384},
            "stem": {"layer": "stem", "shape": [32, 32, 6], "size_bytes": 24576},
        },
        "size_bytes": 24960,
    }


def test_an_unknown_layer_is_refused_with_the_nearest(service: EagerService) -> None:
    answer = ask(service, layers=["stem", "bodi"])

    assert answer.status_code == 422
    problem = answer.get_json()
    assert problem["code"] == "unknown_layer"
    assert problem["detail"] == f"{tiny.MODEL} has no layer 'bodi'; did you mean 'body'?"
    assert problem["nearest"] == ["body"]
    assert [error["field"] for error in problem["errors"]] == ["layers[1]"]


def test_what_is_like_no_layer_is_answered_with_the_depths(service: EagerService) -> None:
    problem = ask(service, layers=["0123456789"]).get_json()
    assert problem["nearest"] == ["early", "middle", "deep"]


def test_a_picture_that_cannot_be_read_is_named(service: EagerService) -> None:
    answer = ask(service, [IMAGES[0], b"nonsense"], layers=["stem"])

    assert answer.status_code == 422
    problem = answer.get_json()
    assert problem["code"] == "not_an_image"
    assert [error["field"] for error in problem["errors"]] == ["input[1]"]


def test_a_model_of_texts_has_no_layers_that_see_pictures(
    zoo_service: ZooService, service: EagerService
) -> None:
    zoo_service.install_backbone(tiny_texts.plugin, name=tiny_texts.NAME)
    body = {"model": tiny_texts.WORDS, "input": data_uri(IMAGES[0]), "layers": ["deep"]}
    answer = service.client.post(URL, json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "images_not_supported")


def test_an_answer_beyond_the_limit_is_refused_before_anything_runs(
    service: EagerService,
) -> None:
    client = service.client_with(max_features_bytes=50_000)
    body = {"model": tiny.MODEL, "layers": ["stem"]}
    given = [data_uri(image) for image in IMAGES]

    answer = client.post(URL, json={**body, "input": given})

    assert answer.status_code == 422
    assert answer.get_json()["code"] == "too_large_features"
    assert answer.get_json()["detail"] == (
        "these layers give 73728 bytes for 3 images, 24576 each, and an answer has at most 50000; "
        'send at most 2 images, fewer layers or "pool": "mean", or make it a job'
    )
    assert len(read(client.post(URL, json={**body, "input": given[:2]}))["stem"]) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"layers": []}, "invalid"),
        ({"layers": "stem"}, "invalid"),
        ({"layout": "chwn"}, "invalid"),
        ({"pool": "max"}, "invalid"),
        ({"colour": "red"}, "invalid"),
        ({"input": None}, "no_files"),
        ({"input": []}, "no_files"),
        ({"input": "a cat"}, "text_not_supported"),
    ],
)
def test_what_makes_no_sense_is_refused(
    service: EagerService, change: dict[str, object], code: str
) -> None:
    body = {"model": tiny.MODEL, "input": data_uri(IMAGES[0]), "layers": ["stem"], **change}
    answer = service.client.post(URL, json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (422, code)
