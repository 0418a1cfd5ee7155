from flask.testing import FlaskClient

from tests.serving import network_columns, register_pets
from zoo.catalog import Catalog


def chain(client: FlaskClient, number: int) -> list[tuple[str, str, bool]]:
    answer = client.get(f"/v1/models/pets/versions/{number}/lineage")
    assert answer.status_code == 200
    return [(one["name"], one["kind"], one["is_known"]) for one in answer.get_json()["chain"]]


def test_a_version_is_followed_to_the_weights_it_came_from(
    client: FlaskClient, catalog: Catalog
) -> None:
    register_pets(catalog, job_id="a", lineage={"dataset": "d", "dataset_version": 1})
    network = network_columns("versions/network")
    register_pets(catalog, job_id="b", **network, lineage={"parent": "pets:1"})
    register_pets(catalog, job_id="c", backbone="pets:2", lineage={"parent": "pets:2"})

    root = ("lite.tiny.bare", "backbone", True)
    versions = [(f"pets:{number}", "version", True) for number in (3, 2, 1)]
    assert chain(client, 3) == [*versions, root]
    assert chain(client, 1) == [versions[2], root]
    answer = client.get("/v1/models/pets/versions/1/lineage").get_json()
    assert answer["chain"][0]["version"]["lineage"]["dataset"] == "d"


def test_a_parent_that_was_deleted_is_named_and_passed_over(
    client: FlaskClient, catalog: Catalog
) -> None:
    register_pets(catalog, job_id="a")
    register_pets(catalog, job_id="b", lineage={"parent": "pets:1"})
    client.delete("/v1/models/pets/versions/1")
    assert chain(client, 2) == [
        ("pets:2", "version", True),
        ("pets:1", "version", False),
        ("lite.tiny.bare", "backbone", True),
    ]


def test_a_backbone_whose_plugin_is_gone_is_named(client: FlaskClient, catalog: Catalog) -> None:
    register_pets(catalog, job_id="a", backbone="gone.net.v1")
    assert chain(client, 1)[-1] == ("gone.net.v1", "backbone", False)
