"""The program against the whole service, without a server, a network or a download."""

import pytest
from pet_finder import PetFinder

from zoo.testing.asking import RefusedError
from zoo.testing.pictures import COLOURS, coloured, labelled, picture, pictures, truncated
from zoo.testing.service import ZooService
from zoo.testing.tiny import MODEL


def test_what_was_added_is_found(finder: PetFinder) -> None:
    for name, content in pictures(6).items():
        finder.add(name, content)
    assert finder.like(picture(4), k=1) == ["p4.jpeg"]


def test_each_test_has_a_service_of_its_own(zoo_service: ZooService) -> None:
    assert zoo_service.rows("/v1/collections") == []


def test_the_service_has_the_settings_of_this_project(zoo_service: ZooService) -> None:
    collection = zoo_service.collection()
    job = zoo_service.ingest(collection, {"big.bmp": picture(width=400, height=200, kind="BMP")})
    assert job["state"] == "failed"
    [row] = zoo_service.rows(f"/v1/jobs/{job['id']}/items")
    assert row["error"]["code"] == "file_too_large"


def test_a_bad_picture_fails_alone(zoo_service: ZooService) -> None:
    collection = zoo_service.collection("pets")
    job = zoo_service.ingest(collection, {**pictures(3), "cut.jpg": truncated()})
    assert job["result"] == {"embedded": 3, "reused": 0, "failed": 1}
    assert [row["name"] for row in zoo_service.items("pets")] == list(pictures(3))


def test_a_classifier_is_trained_and_asked(zoo_service: ZooService) -> None:
    dataset = zoo_service.dataset("colours")
    zoo_service.add_labelled(dataset, labelled(each=8))
    job = zoo_service.fine_tune(dataset, name="sorter")
    assert job["result"]["metrics"]["accuracy"] == 1.0
    for label, colour in COLOURS.items():
        [labels] = zoo_service.classify("sorter", coloured(colour, seed=99))
        assert labels[0]["label"] == label


def test_vectors_are_the_same_on_every_machine(zoo_service: ZooService) -> None:
    [vector] = zoo_service.embed(MODEL, coloured((230, 128, 26), seed=1))
    assert vector.shape == (96,)
    planes = vector.reshape(6, 16).mean(axis=1)  # red, green, blue above mid-grey, then below
    assert planes.tolist() == pytest.approx([0.64, 0.05, 0, 0, 0.03, 0.63], abs=0.15)


def test_work_can_be_held_back(zoo_service: ZooService) -> None:
    collection = zoo_service.collection()
    with zoo_service.held():
        job = zoo_service.ingest(collection, pictures(2))
    assert job["state"] == "queued"
    zoo_service.relay()
    assert zoo_service.job(job["id"])["state"] == "succeeded"


def test_a_refusal_says_what_the_service_said(zoo_service: ZooService) -> None:
    with pytest.raises(RefusedError, match="unknown_model") as caught:
        zoo_service.collection(model="tiny.colours.v2")
    assert caught.value.status == 404
    assert "tiny.colours.v1" in str(caught.value.problem["nearest"])
