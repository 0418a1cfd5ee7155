import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

import zoo_migrations
from tests.migrated import upgrade_to
from zoo.catalog import collections, datasets, open_catalog, soundness
from zoo.catalog.work_tables import Job
from zoo.errors import StartError, UnavailableError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "catalog.sqlite3"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


def stamp(path: Path, revision: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()


def test_a_fresh_home_gets_the_schema_and_a_second_time_changes_nothing(url: str) -> None:
    assert zoo_migrations.upgrade(url) == ""
    assert zoo_migrations.upgrade(url) == soundness.SCHEMA
    zoo_migrations.check(url)


def test_the_migrated_schema_is_the_one_that_the_tables_declare(url: str) -> None:
    zoo_migrations.upgrade(url)
    catalog = open_catalog(url)
    with catalog.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Job.metadata) == []
    catalog.close()


def test_the_service_asks_for_the_newest_schema(url: str) -> None:
    zoo_migrations.upgrade(url)
    catalog = open_catalog(url)
    with catalog.read() as session:
        soundness.check_schema(session)
    catalog.close()


def test_a_home_of_a_newer_release_is_left_alone(url: str, path: Path) -> None:
    zoo_migrations.upgrade(url)
    stamp(path, "9999")
    before = path.read_bytes()
    for attempt in (zoo_migrations.upgrade, zoo_migrations.check):
        with pytest.raises(StartError) as caught:
            attempt(url)
        assert caught.value.detail == (
            "this home was made by another, newer release (its schema is '9999', this one knows "
            f"up to {soundness.SCHEMA!r}); upgrade featurezoo"
        )
    assert path.read_bytes() == before


def test_an_older_schema_says_what_to_run(url: str, path: Path) -> None:
    zoo_migrations.upgrade(url)
    stamp(path, "0001")
    with pytest.raises(StartError) as caught:
        zoo_migrations.check(url)
    assert caught.value.detail == (
        "the catalog has an older schema than this release; run `zoo migrate`"
    )
    catalog = open_catalog(url)
    with pytest.raises(UnavailableError) as refused, catalog.read() as session:
        soundness.check_schema(session)
    assert refused.value.detail == (
        f"the database has schema '0001', this release needs {soundness.SCHEMA!r}; "
        "run `zoo migrate`"
    )
    catalog.close()


def test_a_home_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(StartError) as caught:
        zoo_migrations.upgrade(f"sqlite:///{file / 'home' / 'catalog.sqlite3'}")
    assert caught.value.detail == f"cannot write to {file / 'home'}: Not a directory"


@pytest.mark.parametrize("attempt", [zoo_migrations.upgrade, zoo_migrations.check])
def test_a_file_that_is_no_database_is_not_touched(attempt: object, url: str, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 100)
    with pytest.raises(StartError) as caught:
        attempt(url)  # type: ignore[operator]  # either of two functions
    assert caught.value.detail == "the catalog cannot be opened: file is not a database"
    assert path.read_bytes() == b"no database" * 100


CHILDREN = (
    "INSERT INTO spaces (space_id, model, dim, description, created_at)"
    " VALUES ('s', 'lite.a', 2, '{}', '2026-11-01')",
    "INSERT INTO packs (id, key, size_bytes, created_at) VALUES (1, 'packs/a', 1, '2026-11-01')",
    'INSERT INTO contents (sha256, pack_id, "offset", size_bytes, created_at)'
    " VALUES ('a', 1, 0, 1, '2026-11-01')",
    "INSERT INTO collections (id, name, model, metric, revision, created_at)"
    " VALUES (3, 'c', 'lite.a', 'cosine', 1, '2026-11-01')",
    "INSERT INTO generations (collection_id, number, space_id, is_current, created_at)"
    " VALUES (3, 1, 's', 1, '2026-11-01')",
    "INSERT INTO items (collection_id, item_id, name, metadata, sha256, revision, is_deleted,"
    " created_at) VALUES (3, 'i', 'a.png', '{}', 'a', 1, 0, '2026-11-01')",
    "INSERT INTO datasets (id, name, created_at) VALUES (2, 'd', '2026-11-01')",
    "INSERT INTO dataset_items (dataset_id, item_id, name, label, metadata, sha256)"
    " VALUES (2, 'i', 'a.png', 'cat', '{}', 'a')",
    "INSERT INTO dataset_versions (dataset_id, version, digest, n_items, labels, job_id,"
    " created_at) VALUES (2, 1, 'x', 1, '{}', 'job_1', '2026-11-01')",
    "INSERT INTO sources (id, dataset_id, location, scan) VALUES (5, 2, '/srv', 1)",
    "INSERT INTO source_files (source_id, name, size_bytes, stamp, item_id, scan)"
    " VALUES (5, 'a.png', 1, '1', 'i', 1)",
    "INSERT INTO jobs (id, type, state, spec, work, final_kind, is_internal, phase, steps,"
    " warnings, attempt, created_at) VALUES ('job_2', 'ingest', 'running', '{}',"
    " '{\"dataset_id\": 7, \"from_collection_id\": 9}', 'seal', 0, 'x', '[]', '[]', 0,"
    " '2026-11-01')",
)
"""A row of each table that is made anew, of what refers to it, and a job whose dataset is gone."""
TABLES = (
    *("collections", "generations", "items", "datasets", "dataset_items", "dataset_versions"),
    *("sources", "source_files"),
)


def test_tables_are_made_anew_without_the_loss_of_a_row(url: str, path: Path) -> None:
    upgrade_to("0014", url)
    connection = sqlite3.connect(path)
    with connection:
        for statement in CHILDREN:
            connection.execute(statement)

    assert zoo_migrations.upgrade(url) == "0014"

    counted = [connection.execute(f"SELECT count(*) FROM {one}").fetchone() for one in TABLES]
    assert counted == [(1,)] * len(TABLES)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    catalog = open_catalog(url)
    with catalog.write() as session:
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
        made = collections.create_collection(
            session, "new", model="lite.a", metric="cosine", space_id="s"
        )
        assert (made.id, datasets.create_dataset(session, "new").id) == (10, 8)
    catalog.close()


def test_a_table_is_not_made_anew_where_that_would_delete_what_refers_to_it(url: str) -> None:
    upgrade_to("0014", url)
    with pytest.raises(RuntimeError, match="what refers to these tables would be lost"):
        upgrade_to("0015", url)
