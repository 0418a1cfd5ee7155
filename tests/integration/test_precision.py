"""A backbone in bfloat16: a model and a space of its own, never in the place of float32's."""

import base64

import numpy as np

from tests.eager import EagerService
from zoo.testing import tiny

ROUNDED = f"{tiny.MODEL}:bf16"


def embed(service: EagerService, model: str, content: bytes) -> np.ndarray:
    uri = f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
    answer = service.client.post("/v1/embeddings", json={"model": model, "input": uri})
    assert answer.status_code == 200, answer.get_json()
    return np.array(answer.get_json()["data"][0]["embedding"], np.float32)


def test_its_embeddings_are_others_and_near_by(service: EagerService) -> None:
    [(_, content)] = service.pictures(1)

    exact, rounded = embed(service, tiny.MODEL, content), embed(service, ROUNDED, content)

    assert not np.array_equal(exact, rounded)
    assert exact @ rounded / np.linalg.norm(exact) / np.linalg.norm(rounded) > 0.999


def test_its_collections_are_searched_beside_the_others_and_share_no_embedding(
    service: EagerService,
) -> None:
    given = service.pictures(6)
    spaces, jobs = [], []
    for model in (tiny.MODEL, ROUNDED):
        url = service.collection(model=model)
        jobs.append(service.send(url, given))
        collection = service.get(url)
        spaces.append((collection["model"], collection["space_id"]))
        ids = {row["name"]: row["id"] for row in service.rows(f"{url}/items")}
        for name in ids:
            hits = service.search(url, item_id=ids[name], k=3)
            assert hits[0]["name"] == name
            assert len(hits) == 3

    assert [model for model, _ in spaces] == [tiny.MODEL, ROUNDED]
    assert spaces[0][1] != spaces[1][1]
    assert [job["result"] for job in jobs] == [{"embedded": 6, "reused": 0, "failed": 0}] * 2


def test_it_is_shown_like_any_other_and_listed_nowhere(service: EagerService) -> None:
    shown = {
        name: service.get(f"/v1/models/{name}")
        for name in (tiny.MODEL, ROUNDED, "tiny.colours:bfloat16", "tiny.colours.random:bf16")
    }

    spaces = {name: one["detail"]["space"]["precision"] for name, one in shown.items()}
    assert list(spaces.values()) == ["float32", "bfloat16", "bfloat16", "bfloat16"]
    assert shown["tiny.colours:bfloat16"]["name"] == ROUNDED
    assert shown["tiny.colours.random:bf16"]["is_random"] is True
    assert not any(":" in row["name"] for row in service.rows("/v1/models?kind=backbone"))


def test_the_untrained_one_is_flagged_in_its_collections_too(service: EagerService) -> None:
    url = service.collection(model="tiny.colours.random:bf16")

    assert service.get(url)["is_random"] is True


def test_another_precision_is_unknown(service: EagerService) -> None:
    answer = service.client.get(f"/v1/models/{tiny.MODEL}:int8")

    assert answer.status_code == 404
    assert answer.get_json()["code"] == "unknown_model"
    assert tiny.MODEL in answer.get_json()["detail"]
