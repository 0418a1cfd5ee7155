from typing import Any

import pytest

from zoo.catalog import Catalog, models
from zoo.catalog.records import VersionRecord


def values(job_id: str) -> dict[str, Any]:
    return {
        "backbone": "lite.tiny.in1k",
        "space_id": "5" * 64,
        "blob_key": f"versions/{job_id}",
        "sha256": "0" * 64,
        "size_bytes": 1,
        "labels": ["cat", "dog"],
        "lineage": {},
        "metrics": {},
        "job_id": job_id,
    }


def register(catalog: Catalog, name: str, job_id: str) -> VersionRecord:
    with catalog.write() as session:
        return models.add_version(session, name, card={}, values=values(job_id))


@pytest.fixture
def pets(catalog: Catalog) -> int:
    for number in (1, 2, 3):
        register(catalog, "pets", f"job_{number}")
    with catalog.read() as session:
        found = models.get_model(session, "pets")
    assert found is not None
    return found.id


def test_versions_count_for_each_model(catalog: Catalog) -> None:
    made = [register(catalog, name, job) for name, job in (("a", "1"), ("a", "2"), ("b", "3"))]
    assert [(one.model, one.version) for one in made] == [("a", 1), ("a", 2), ("b", 1)]


def test_a_job_that_is_repeated_registers_one_version(catalog: Catalog) -> None:
    assert register(catalog, "a", "job") == register(catalog, "a", "job")
    with catalog.read() as session:
        assert len(models.list_versions(session, "a", before=99, limit=9)) == 1


@pytest.mark.usefixtures("pets")
def test_versions_are_listed_newest_first_from_a_number_on(catalog: Catalog) -> None:
    with catalog.read() as session:
        listed = models.list_versions(session, "pets", before=3, limit=1)
        newest = models.get_version(session, "pets", None)
    assert [one.version for one in listed] == [2]
    assert newest is not None
    assert newest.version == 3


def test_every_move_of_an_alias_is_kept_newest_first(catalog: Catalog, pets: int) -> None:
    for version in (1, 3, 3, None, 2):
        with catalog.write() as session:
            models.move_alias(session, pets, "champion", version=version)

    with catalog.read() as session:
        moves = models.alias_history(session, pets, "champion")
        assert models.get_alias(session, pets, "champion") == 2

    assert [(move.from_version, move.to_version) for move in moves] == [
        (None, 2), (3, None), (1, 3), (None, 1),
    ]  # fmt: skip


def test_aliases_are_listed_by_name(catalog: Catalog, pets: int) -> None:
    with catalog.write() as session:
        for alias in ("b", "a"):
            models.move_alias(session, pets, alias, version=1)
    with catalog.read() as session:
        assert [one.alias for one in models.list_aliases(session, pets)] == ["a", "b"]


def test_a_version_holds_its_network_where_it_has_one_of_its_own(catalog: Catalog) -> None:
    network = {
        "weights_key": "versions/network",
        "weights_sha256": "1" * 64,
        "weights_size_bytes": 2**40,
        "detail": {"dim": 4},
    }
    with catalog.write() as session:
        models.add_version(session, "pets", card={}, values={**values("job_1"), **network})
    with catalog.read() as session:
        tuned = models.get_version(session, "pets", 1)
    head = register(catalog, "pets", "job_2")
    assert tuned is not None
    assert {name: getattr(tuned, name) for name in network} == network
    assert {getattr(head, name) for name in network} == {None}
    assert (tuned.name, tuned.archived_at) == ("pets:1", None)
