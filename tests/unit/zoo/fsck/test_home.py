from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serving import network_columns, register_pets
from tests.stock import Stock, random_vectors
from zoo.catalog import Catalog, collections, contents, features
from zoo.fsck import check_home, repair_home
from zoo.search.collection import Searches
from zoo.settings import Settings, load_settings
from zoo.storage.blobs import open_blobs

Damage = Callable[[str], str]
ITS_ORIGINAL = "it is the original of item a of collection 'c'"
ITS_EMBEDDING = "it holds the embeddings of item a of collection 'c'"


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return load_settings({}, home=tmp_path, database_url=database_url)


@pytest.fixture
def stock(catalog: Catalog, settings: Settings) -> Stock:
    made = Stock(catalog=catalog, blobs=open_blobs(settings))
    made.collection("c")
    made.put("c", {"a": random_vectors(1)[0]})
    return made


@pytest.fixture
def damage(settings: Settings) -> Damage:
    """Turn one bit of the only blob of a kind; returns its key."""

    def turn(kind: str) -> str:
        [path] = (settings.home / "blobs" / kind).iterdir()
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        return f"{kind}/{path.name}"

    return turn


@pytest.mark.usefixtures("stock")
def test_a_sound_home_has_no_problems(settings: Settings) -> None:
    assert check_home(settings) == []


def test_foreign_files_are_no_problem(settings: Settings, stock: Stock) -> None:
    (settings.home / "notes.txt").write_text("mine")
    stock.blobs.put_bytes("packs/orphan", b"x")
    assert check_home(settings) == []


def test_a_damaged_pack_is_found(settings: Settings, stock: Stock, damage: Damage) -> None:
    key = damage("packs")
    [sha256] = _contents(stock)
    assert check_home(settings) == [
        f"content {sha256} is damaged in {key} at byte 0; {ITS_ORIGINAL}"
    ]


@pytest.mark.usefixtures("stock")
def test_a_pack_cut_short_is_found(settings: Settings) -> None:
    [path] = (settings.home / "blobs" / "packs").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    assert check_home(settings) == [
        f"packs/{path.name} ends at byte 15, before 16; {ITS_ORIGINAL}"
    ]


@pytest.mark.usefixtures("stock")
def test_a_damaged_segment_is_found(settings: Settings, catalog: Catalog, damage: Damage) -> None:
    from_catalog = _segment_sha256(catalog)
    key = damage("segments")
    assert check_home(settings) == [
        f"{key} is damaged: its sha256 is not {from_catalog}; {ITS_EMBEDDING}"
    ]


@pytest.mark.usefixtures("stock")
def test_a_missing_segment_is_found(settings: Settings) -> None:
    [path] = (settings.home / "blobs" / "segments").iterdir()
    path.unlink()
    assert check_home(settings) == [f"segments/{path.name} is missing; {ITS_EMBEDDING}"]


def test_a_damaged_version_is_found(settings: Settings, catalog: Catalog, stock: Stock) -> None:
    stock.blobs.put_bytes("versions/job", b"a head")
    stock.blobs.put_bytes("versions/network", b"a network")
    register_pets(catalog, job_id="job", **network_columns("versions/network"))
    assert check_home(settings) == [
        f"versions/job is damaged: its sha256 is not {'0' * 64}; restore it from a backup, or "
        "fine-tune again and move the aliases",
        f"versions/network is damaged: its sha256 is not {'1' * 64}; restore it from a backup, or "
        "fine-tune again and move the aliases",
    ]


def test_a_damaged_snapshot_is_found(settings: Settings, catalog: Catalog, stock: Stock) -> None:
    made = stock.read("c")
    stock.blobs.put_bytes("indexes/i", b"an index")
    with catalog.write() as session:
        collections.set_snapshot(
            session, made.generation_id, key="indexes/i", sha256="0" * 64, revision=1, rows=1
        )
    said = f"indexes/i is damaged: its sha256 is not {'0' * 64}"
    assert check_home(settings) == [said]

    [outcome] = repair_home(settings)

    assert (outcome.sentence, outcome.mended) == (
        said, "forgotten; the index is built anew when the collection is searched"
    )  # fmt: skip
    assert check_home(settings) == []


def test_a_damaged_part_of_an_index_is_found(
    settings: Settings, catalog: Catalog, stock: Stock, tmp_path: Path
) -> None:
    made = stock.read("c")
    written = Searches(catalog, stock.blobs).write_snapshot(made, spool=tmp_path / "spool")
    with catalog.write() as session:
        collections.set_snapshot(
            session,
            made.generation_id,
            key=written.key,
            sha256=written.sha256,
            revision=written.revision,
            rows=written.rows,
        )
    assert check_home(settings) == []
    [key] = (key for key in stock.blobs.keys("indexes/") if key != written.key)
    stock.blobs.delete(key)

    assert check_home(settings) == [f"{key} is missing"]

    [outcome] = repair_home(settings)

    assert outcome.mended == "forgotten; the index is built anew when the collection is searched"
    assert check_home(settings) == []


def test_a_home_that_is_none_says_how_to_make_one(tmp_path: Path) -> None:
    assert check_home(load_settings({}, home=tmp_path)) == [
        f"there is no catalog at {tmp_path / 'catalog.sqlite3'}; `zoo up` makes a home"
    ]


def test_a_catalog_that_is_no_database_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite3").write_bytes(b"no database" * 100)
    assert check_home(load_settings({}, home=tmp_path)) == [
        "the catalog cannot be opened: file is not a database"
    ]


def _contents(stock: Stock) -> list[str]:
    with stock.catalog.read() as session:
        return [one.sha256 for one in contents.iter_contents(session, after="", limit=9)]


def _segment_sha256(catalog: Catalog) -> str:
    with catalog.read() as session:
        [segment] = features.list_segments(session)
    return segment.sha256
