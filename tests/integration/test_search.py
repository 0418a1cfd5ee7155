"""Searching what was ingested, and what is true of it right after each change."""

import base64
import io

import numpy as np
import pytest

from tests.eager import LITE0, EagerService


def data_uri(content: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def embed(service: EagerService, content: bytes) -> list[float]:
    answer = service.client.post(
        "/v1/embeddings", json={"model": LITE0, "input": data_uri(content)}
    )
    return answer.get_json()["data"][0]["embedding"]


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_an_image_an_item_and_a_vector_find_the_same(service: EagerService, metric: str) -> None:
    url = service.collection(metric=metric)
    given = service.pictures(8)
    service.send(url, given)
    row = next(row for row in service.rows(f"{url}/items") if row["name"] == given[3][0])

    by_item = service.search(url, item_id=row["id"], k=5)
    by_image = service.search(url, image=data_uri(given[3][1]), k=5)
    by_vector = service.search(url, vector=embed(service, given[3][1]), k=5)

    assert len(by_item) == 5
    scores = [hit["score"] for hit in by_item]
    assert scores == sorted(scores, reverse=True)
    for other in (by_image, by_vector):
        assert [hit["item_id"] for hit in other] == [hit["item_id"] for hit in by_item]
        np.testing.assert_allclose([hit["score"] for hit in other], scores, rtol=1e-3, atol=1e-3)
    if metric != "ip":  # by the inner product a longer vector may be nearer than itself
        assert by_item[0]["item_id"] == row["id"]


def test_a_form_and_a_bare_body_search_too(service: EagerService) -> None:
    url = service.collection()
    given = service.pictures(3)
    service.send(url, given)
    name, content = given[1]

    form = {"image": (io.BytesIO(content), "x", "application/octet-stream"), "k": "2"}
    by_form = service.client.post(f"{url}/search", data=form).get_json()
    raw = service.client.post(f"{url}/search?k=2", data=content, content_type="image/jpeg")

    assert by_form["hits"][0]["name"] == name
    assert by_form["hits"] == raw.get_json()["hits"]
    assert by_form["index"] == {"kind": "flat", "exact": True}
    assert by_form["model"] == LITE0
    assert by_form["took_ms"] > 0


def test_k_and_min_score_bound_the_hits(service: EagerService) -> None:
    url, ids = service.ingested(5)
    item = next(iter(ids.values()))
    everything = service.search(url, item_id=item)
    assert len(everything) == 5
    assert len(service.search(url, item_id=item, k=3)) == 3
    bound = everything[2]["score"]
    assert service.search(url, item_id=item, min_score=bound) == everything[:3]
    assert service.search(url, item_id=item, min_score=1.5) == []


def test_an_empty_collection_has_no_hits(service: EagerService) -> None:
    assert service.search(service.collection(), vector=[1.0] * 1280) == []


def test_a_deleted_item_is_gone_from_lists_searches_and_other_processes(
    service: EagerService,
) -> None:
    url, ids = service.ingested(4)
    gone, kept = list(ids.values())[:2]
    assert service.search(url, item_id=kept, k=4)

    answer = service.client.delete(f"{url}/items/{gone}")

    assert (answer.status_code, answer.get_data()) == (204, b"")
    elsewhere = service.client_with()
    for client in (service.client, elsewhere):
        found = client.post(f"{url}/search", json={"item_id": kept}).get_json()["hits"]
        assert {hit["item_id"] for hit in found} == set(ids.values()) - {gone}
        assert client.get(f"{url}/items/{gone}").status_code == 404
    assert service.get(url)["items"] == 3
    assert service.client.delete(f"{url}/items/{gone}").status_code == 404
    refused = service.client.post(f"{url}/search", json={"item_id": gone})
    assert refused.get_json()["code"] == "unknown_item"


def test_a_deleted_content_comes_back_without_a_forward(service: EagerService) -> None:
    url = service.collection()
    given = service.pictures(1)
    service.send(url, given)
    [row] = service.rows(f"{url}/items")
    service.client.delete(f"{url}/items/{row['id']}")

    assert service.send(url, given)["result"] == {"embedded": 0, "reused": 1, "failed": 0}
    [back] = service.rows(f"{url}/items")
    assert back["id"] != row["id"]
    assert [hit["item_id"] for hit in service.search(url, item_id=back["id"])] == [back["id"]]


def test_a_patched_item_is_found_with_its_new_metadata(service: EagerService) -> None:
    url, ids = service.ingested(2)
    item = next(iter(ids.values()))
    change = {"name": "new", "label": "cat", "metadata": {"year": 2026, "tags": ["a"]}}

    answer = service.client.patch(f"{url}/items/{item}", json=change)

    assert answer.status_code == 200
    assert {key: answer.get_json()[key] for key in change} == change
    [hit] = service.search(url, item_id=item, k=1)
    assert {key: hit[key] for key in change} == change
    assert service.get(f"{url}/items/{item}") == answer.get_json()
    partly = service.client.patch(f"{url}/items/{item}", json={"label": None}).get_json()
    assert (partly["label"], partly["metadata"]) == (None, change["metadata"])


def test_the_same_id_again_replaces_the_item_and_its_vector(service: EagerService) -> None:
    url, ids = service.ingested(3)
    replaced, other = list(ids.values())[:2]
    [(_, content)] = service.pictures(1)
    service.search(url, item_id=replaced)
    service.put_item(url, replaced, content)

    [best] = service.search(url, image=data_uri(content), k=1)
    assert best["item_id"] == replaced
    assert service.get(url)["items"] == 3
    assert len(service.search(url, item_id=other)) == 3


def test_a_deleted_collection_is_gone_and_its_name_is_free_again(service: EagerService) -> None:
    url = service.collection()
    given = service.pictures(2)
    service.send(url, given)
    [first, _] = service.rows(f"{url}/items")

    assert service.client.delete(url).status_code == 204
    for path in ("", "/items", f"/items/{first['id']}"):
        assert service.client.get(f"{url}{path}").status_code == 404
    refused = service.client.post(f"{url}/search", json={"item_id": first["id"]})
    assert refused.get_json()["code"] == "unknown_collection"

    assert service.client.put(url, json={"model": LITE0}).status_code == 201
    assert service.rows(f"{url}/items") == []
    assert service.search(url, vector=[1.0] * 1280) == []
    assert service.send(url, given)["result"]["reused"] == 2


def test_a_collection_deleted_while_files_wait_fails_their_job(service: EagerService) -> None:
    url = service.collection()
    with service.held():
        job = service.send(url, service.pictures(1))
        service.client.delete(url)
    service.relay()
    ended = service.get(f"/v1/jobs/{job['id']}")
    assert (ended["state"], ended["error"]["code"]) == ("failed", "collection_deleted")


def test_queries_that_cannot_be_answered_say_why(service: EagerService) -> None:
    url, _ = service.ingested(1)
    cases = [
        ({"vector": [0.5]}, 422, "wrong_dimension"),
        ({"vector": [0.0] * 1280}, 422, "zero_vector"),
        ({"image": "a cat"}, 422, "text_not_supported"),
        ({"image": data_uri(b"text")}, 422, "not_an_image"),
        ({}, 422, "one_query_needed"),
        ({"item_id": "a", "vector": [1.0]}, 422, "one_query_needed"),
        ({"item_id": "nobody"}, 404, "unknown_item"),
        ({"item_id": "nobody", "k": 0}, 422, "invalid"),
        ({"item_id": "nobody", "k": 1001}, 422, "invalid"),
        ({"vector": [1.0] * 1280, "space_id": "0" * 64}, 409, "incompatible_space"),
        ({"vector": [1.0] * 1280, "colour": "red"}, 422, "invalid"),
    ]
    for query, status, code in cases:
        answer = service.client.post(f"{url}/search", json=query)
        assert (answer.status_code, answer.get_json()["code"]) == (status, code), query
    body = '{"vector": [NaN]}'
    answer = service.client.post(f"{url}/search", data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "not_finite")
