"""A service whose files were damaged while it was stopped is mended, and answers as before."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pictures import picture
from zoo.fsck import check_home, repair_home
from zoo.settings import Settings
from zoo.testing.service import ZooService

URL = "/v1/collections/holidays"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, engine="eager")


@pytest.fixture
def files() -> list[tuple[str, bytes]]:
    return [(f"{number}.jpg", picture(700 + number)) for number in range(5)]


@pytest.fixture
def zoo(settings: Settings, files: list[tuple[str, bytes]]) -> Iterator[ZooService]:
    opened = ZooService(settings)
    opened.collection("holidays")
    opened.send(f"{URL}/items", files)
    yield opened
    opened.close()


def blobs(settings: Settings, kind: str) -> list[Path]:
    return sorted((settings.home / "blobs" / kind).iterdir())


def scores(zoo: ZooService) -> dict[str, float]:
    [first] = [row["id"] for row in zoo.get(f"{URL}/items")["data"] if row["name"] == "0.jpg"]
    hits = zoo.search("holidays", item_id=first, k=9)
    return {hit["item_id"]: hit["score"] for hit in hits}


def test_embeddings_lost_with_a_segment_come_back_bit_for_bit(
    zoo: ZooService, settings: Settings
) -> None:
    before = scores(zoo)
    for path in blobs(settings, "segments"):
        path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    assert check_home(settings) != []

    assert all(outcome.mended for outcome in repair_home(settings))
    zoo.relay()

    assert scores(zoo) == before
    assert check_home(settings) == []


def test_an_original_that_was_lost_is_taken_in_again(
    zoo: ZooService, settings: Settings, files: list[tuple[str, bytes]]
) -> None:
    for path in blobs(settings, "packs"):
        path.write_bytes(path.read_bytes()[::-1])
    [row] = [one for one in zoo.get(f"{URL}/items")["data"] if one["name"] == "0.jpg"]
    image = f"{URL}/items/{row['id']}/image"
    damaged = zoo.client.get(image)
    repair_home(settings)
    lost = zoo.client.get(image)

    zoo.send(f"{URL}/items", files)

    assert (damaged.status_code, damaged.get_json()["code"]) == (500, "damaged_file")
    assert (lost.status_code, lost.get_json()["code"]) == (410, "file_missing")
    assert zoo.client.get(image).data == files[0][1]
    assert check_home(settings) == []
