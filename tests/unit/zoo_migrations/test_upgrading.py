import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

import zoo_migrations
from zoo.catalog import open_catalog, soundness
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
