"""Garbage collected between two requests: what is asked for later still ends well, or says why."""

from dataclasses import replace
from datetime import timedelta

import pytest

from zoo.fsck import check_home
from zoo.garbage import collect, open_grounds
from zoo.testing.pictures import labelled, picture, pictures
from zoo.testing.plugin import MakeZooService
from zoo.testing.service import ZooService


@pytest.fixture
def littered(make_zoo_service: MakeZooService) -> ZooService:
    return make_zoo_service()


def collect_all(service: ZooService) -> dict[str, int]:
    """What goes hours from now, by its kind."""
    with open_grounds(service.settings, is_thorough=True) as grounds:
        later = replace(grounds, instant=grounds.instant + timedelta(hours=9))
        return {one.kind: one.count for one in collect(later)}


def test_what_was_deleted_and_collected_is_taken_in_again(littered: ZooService) -> None:
    name = littered.collection("again")
    littered.ingest(name, pictures(3))
    assert littered.client.delete(f"/v1/collections/{name}").status_code == 204
    assert collect_all(littered)["contents"] == 3
    assert list(littered.context.blobs.keys("")) == []
    name = littered.collection("again")
    job = littered.ingest(name, pictures(3))
    assert job["result"] == {"embedded": 3, "reused": 0, "failed": 0}
    assert check_home(littered.settings) == []


def test_a_retry_of_what_was_collected_fails_with_a_sentence(littered: ZooService) -> None:
    name = littered.collection("retried")
    littered.ingest(name, {"good.png": picture(0)})
    failed = littered.ingest(name, {"bad.png": b"no picture"})
    assert collect_all(littered)["contents"] == 1
    answer = littered.client.post(f"/v1/jobs/{failed['id']}/retry")
    assert answer.status_code == 202
    retried = answer.get_json()["id"]
    [row] = littered.client.get(f"/v1/jobs/{retried}/items?state=failed").get_json()["data"]
    assert row["error"]["code"] == "file_missing"
    assert row["error"]["detail"].endswith("was deleted and is not stored any more; send it again")


def test_examples_of_sealed_versions_stay(littered: ZooService) -> None:
    dataset = littered.dataset()
    littered.add_labelled(dataset, labelled(each=4))
    assert collect_all(littered) == {}
    assert littered.fine_tune(dataset, name="sorter")["state"] == "succeeded"
    assert littered.client.delete(f"/v1/datasets/{dataset}").status_code == 204
    assert collect_all(littered)["contents"] > 0
    assert check_home(littered.settings) == []
    [labels] = littered.classify("sorter", picture(1))
    assert labels
