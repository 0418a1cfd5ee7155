from flask.testing import FlaskClient

from tests.serving import FakePredictor, data_uri, picture, register_pets
from tests.stock import Stock
from zoo.catalog import models
from zoo.predictor import HeadRef

URL = "/v1/classify"
CAT = data_uri(picture(1, 2, 3, 4))


def test_a_native_head_answers_its_labels_best_first(client: FlaskClient) -> None:
    answer = client.post(URL, json={"model": "lite.tiny", "input": [CAT, CAT]})

    labels = [{"label": "cat", "probability": 0.75}, {"label": "dog", "probability": 0.25}]
    assert answer.status_code == 200
    assert answer.get_json() == {
        "model": "lite.tiny.in1k",
        "data": [{"labels": labels}, {"labels": labels}],
    }


def test_a_users_version_answers_with_its_own_head(
    client: FlaskClient, stock: Stock, predictor: FakePredictor
) -> None:
    register_pets(stock.catalog, job_id="job_1")
    register_pets(stock.catalog, job_id="job_2")
    with stock.catalog.write() as session:
        model = models.get_model(session, "pets")
        assert model is not None
        models.move_alias(session, model.id, "champion", version=1)

    names = [
        client.post(URL, json={"model": model, "input": CAT, "top_k": 1}).get_json()["model"]
        for model in ("pets", "pets:1", "pets@champion")
    ]

    assert names == ["pets:2", "pets:1", "pets:1"]
    assert [head and head.blob_key for head in predictor.heads] == [
        "versions/job_2",
        "versions/job_1",
        "versions/job_1",
    ]
    assert predictor.heads[0] == HeadRef(blob_key="versions/job_2", sha256="0" * 64)


def test_top_k_cuts_the_labels(client: FlaskClient) -> None:
    answer = client.post(
        f"{URL}?model=lite.tiny&top_k=1", data=picture(1), content_type="image/png"
    )
    assert [label["label"] for label in answer.get_json()["data"][0]["labels"]] == ["cat"]
    refused = client.post(URL, json={"model": "lite.tiny", "input": CAT, "top_k": 0})
    assert refused.status_code == 422


def test_a_backbone_without_a_head_says_so(client: FlaskClient) -> None:
    answer = client.post(URL, json={"model": "lite.tiny.bare", "input": CAT})
    assert answer.status_code == 422
    assert answer.get_json()["code"] == "no_native_head"
    assert answer.get_json()["detail"] == (
        "lite.tiny.bare has no native head to classify with; "
        "fine-tune a model on it and name that one"
    )


def test_an_unreadable_picture_and_an_unknown_version_are_refused(
    client: FlaskClient, stock: Stock
) -> None:
    register_pets(stock.catalog, job_id="job_1")
    broken = client.post(URL, json={"model": "pets", "input": [CAT, data_uri(b"?")]})
    assert (broken.status_code, broken.get_json()["code"]) == (422, "not_an_image")
    missing = client.post(URL, json={"model": "pets:9", "input": CAT})
    assert missing.status_code == 404
    assert missing.get_json()["detail"] == (
        "no version 9 of model 'pets'; its newest version is 1"
    )
