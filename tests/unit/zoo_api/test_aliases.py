import pytest
from flask.testing import FlaskClient

from tests.serving import FakePredictor, register_pets
from tests.stock import Stock

URL = "/v1/models/pets/aliases/champion"


@pytest.fixture(autouse=True)
def pets(stock: Stock) -> None:
    """Three versions of the user's model `pets`."""
    for number in range(1, 4):
        register_pets(stock.catalog, job_id=f"job_{number}")


def move(client: FlaskClient, version: int) -> None:
    answer = client.put(URL, json={"version": version})
    assert answer.status_code == 200
    assert answer.get_json() == {
        "model": "pets",
        "alias": "champion",
        "version": version,
        "name": "pets@champion",
    }


def moves(client: FlaskClient) -> list[tuple[int | None, int | None]]:
    rows = client.get(f"{URL}/history").get_json()["data"]
    return [(row["from_version"], row["to_version"]) for row in rows]


def test_every_move_is_kept_newest_first(client: FlaskClient) -> None:
    move(client, 1)
    move(client, 3)
    move(client, 3)
    assert client.delete(URL).status_code == 204
    assert moves(client) == [(3, None), (1, 3), (None, 1)]


def test_a_version_is_loaded_before_the_alias_names_it(
    client: FlaskClient, predictor: FakePredictor
) -> None:
    move(client, 2)

    [head] = predictor.heads
    assert head is not None
    assert head.blob_key == "versions/job_2"


def test_a_version_that_cannot_be_loaded_leaves_the_alias_where_it_is(
    client: FlaskClient, predictor: FakePredictor
) -> None:
    move(client, 1)
    predictor.damaged = {"versions/job_3"}

    answer = client.put(URL, json={"version": 3})

    assert answer.status_code == 500
    assert answer.get_json()["code"] == "damaged_file"
    assert answer.get_json()["detail"] == (
        "pets:3 is refused: the head 'versions/job_3' is damaged; use pets:2, or restore the file "
        "from a backup"
    )
    assert moves(client) == [(None, 1)]


def test_a_predictor_that_does_not_answer_keeps_no_alias_from_moving(
    client: FlaskClient, predictor: FakePredictor
) -> None:
    predictor.is_down = True

    move(client, 2)

    assert moves(client) == [(None, 2)]


def test_rolling_back_returns_to_the_version_before_and_is_a_move_itself(
    client: FlaskClient,
) -> None:
    move(client, 1)
    move(client, 3)
    assert client.post(f"{URL}/rollback").get_json()["version"] == 1
    assert moves(client)[0] == (3, 1)
    assert client.get("/v1/models/pets").get_json()["aliases"] == {"champion": 1}


def test_rolling_back_loads_the_version_before_the_alias_names_it(
    client: FlaskClient, predictor: FakePredictor
) -> None:
    move(client, 1)
    move(client, 3)
    predictor.heads.clear()
    client.post(f"{URL}/rollback")
    predictor.damaged = {"versions/job_3"}
    damaged = client.post(f"{URL}/rollback")

    assert [head and head.blob_key for head in predictor.heads] == ["versions/job_1"]
    assert (damaged.status_code, damaged.get_json()["code"]) == (500, "damaged_file")
    assert moves(client)[0] == (3, 1)


def test_a_version_that_does_not_pass_the_gate_leaves_the_alias_where_it_is(
    client: FlaskClient, stock: Stock
) -> None:
    for number, accuracy in ((4, 0.9), (5, 0.8)):
        metrics = {"accuracy": accuracy, "ece": 0.01, "n_test": 50}
        register_pets(
            stock.catalog, job_id=f"job_{number}", metrics=metrics, lineage={"test_digest": "d"}
        )
    gate = {"min_accuracy": 0.5, "not_below": "champion"}
    first = client.put(URL, json={"version": 4, "gate": gate})
    second = client.put(URL, json={"version": 5, "gate": gate})
    third = client.put(URL, json={"version": 5, "gate": {**gate, "margin": 0.1}})
    unknown = client.put(URL, json={"version": 5, "gate": {"not_below": "champio"}})

    assert first.status_code == 200
    assert (second.status_code, second.get_json()["code"]) == (409, "gate_failed")
    assert third.status_code == 200
    assert (unknown.status_code, unknown.get_json()["code"]) == (404, "unknown_alias")
    assert moves(client) == [(4, 5), (None, 4)]


def test_there_is_nothing_to_roll_back_to_before_the_first_move(client: FlaskClient) -> None:
    move(client, 2)
    answer = client.post(f"{URL}/rollback")
    assert answer.status_code == 409
    assert answer.get_json()["detail"] == "pets@champion has named no version before 2"


def test_a_version_that_does_not_exist_moves_nothing(client: FlaskClient) -> None:
    move(client, 2)
    answer = client.put(URL, json={"version": 9})
    assert answer.status_code == 404
    assert answer.get_json()["detail"] == "no version 9 of model 'pets'; its newest version is 3"
    assert moves(client) == [(None, 2)]


@pytest.mark.parametrize(
    "body",
    [{}, {"version": 0}, {"version": "1"}, {"version": True}, {"version": 10**12}],
)
def test_a_version_is_a_positive_number(client: FlaskClient, body: dict[str, object]) -> None:
    answer = client.put(URL, json=body)
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "version")


@pytest.mark.parametrize("alias", ["Champion", "a.b", "x" * 101])
def test_an_alias_has_the_alphabet_of_own_names(client: FlaskClient, alias: str) -> None:
    answer = client.put(f"/v1/models/pets/aliases/{alias}", json={"version": 1})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_name")


def test_an_alias_that_does_not_exist_is_unknown_with_the_nearest(client: FlaskClient) -> None:
    move(client, 1)
    wrong = "/v1/models/pets/aliases/champio"
    for answer in (
        client.delete(wrong),
        client.post(f"{wrong}/rollback"),
        client.get(f"{wrong}/history"),
    ):
        assert answer.status_code == 404
        assert answer.get_json()["detail"] == (
            "no alias 'pets@champio'; did you mean 'pets@champion'?"
        )


def test_backbones_have_no_aliases(client: FlaskClient) -> None:
    answer = client.put("/v1/models/lite.tiny.in1k/aliases/best", json={"version": 1})
    assert answer.status_code == 422
    assert answer.get_json()["detail"] == (
        "'lite.tiny.in1k' is a backbone; only models of your own have versions and aliases"
    )
