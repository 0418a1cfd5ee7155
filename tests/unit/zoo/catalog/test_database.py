import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.databases import rival_catalogs
from zoo.catalog import Catalog, database, datasets, engines, open_catalog
from zoo.catalog.database import first_line
from zoo.catalog.engines import sqlite_path
from zoo.errors import ConflictError, DamagedError, UnavailableError
from zoo.settings import Settings


@pytest.fixture
def database_url() -> str:
    """SQLite alone: what both databases promise stands in `test_transactions`."""
    return ""


def test_a_block_that_raises_writes_nothing(catalog: Catalog) -> None:
    def write_half() -> None:
        with catalog.write() as session:
            datasets.create_dataset(session, "d")
            raise KeyError("d")

    with pytest.raises(KeyError):
        write_half()

    with catalog.read() as session:
        assert datasets.dataset_names(session) == []


def log_bytes(settings: Settings) -> int:
    path = sqlite_path(settings.resolved_database_url)
    assert path is not None
    return path.with_name(f"{path.name}-wal").stat().st_size


def test_a_log_that_has_become_long_is_begun_anew(
    catalog: Catalog, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with catalog.write() as session:
        datasets.create_dataset(session, "d")
    before = log_bytes(settings)
    catalog.shorten_log()
    assert log_bytes(settings) == before > 0

    monkeypatch.setattr(database, "LONG_LOG_BYTES", 1)
    catalog.shorten_log()

    assert log_bytes(settings) == 0
    with catalog.read() as session:
        assert datasets.dataset_names(session) == ["d"]


def test_a_log_that_somebody_reads_stays_until_another_time(
    catalog: Catalog, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LONG_LOG_BYTES", 1)
    monkeypatch.setattr(engines, "CHECKPOINT_TIMEOUT_MS", 10)
    other = open_catalog(settings.resolved_database_url)
    with other.read() as reading:
        assert datasets.dataset_names(reading) == []
        with catalog.write() as session:
            datasets.create_dataset(session, "d")

        catalog.shorten_log()

        assert log_bytes(settings) > 0
        assert datasets.dataset_names(reading) == []
    catalog.shorten_log()
    assert log_bytes(settings) == 0


def test_what_a_reading_session_changes_is_thrown_away(catalog: Catalog) -> None:
    with catalog.read() as session:
        datasets.create_dataset(session, "d")

    with catalog.read() as session:
        assert datasets.dataset_names(session) == []


def test_a_writer_keeps_its_snapshot_from_its_first_read_on(
    catalog: Catalog, settings: Settings
) -> None:
    """BEGIN IMMEDIATE: a deferred transaction would fail when it turns from reading to writing."""
    other = open_catalog(settings.resolved_database_url)
    entered, done = threading.Event(), threading.Event()

    def write_too() -> None:
        entered.set()
        with other.write() as session:
            datasets.create_dataset(session, "second")
        done.set()

    thread = threading.Thread(target=write_too)
    with catalog.write() as session:
        datasets.get_dataset(session, "first")
        thread.start()
        entered.wait(5)
        assert not done.is_set()
        datasets.create_dataset(session, "first")
    thread.join(10)

    with catalog.read() as session:
        assert datasets.dataset_names(session) == ["first", "second"]
    other.close()


def test_one_process_has_one_writer_at_a_time(catalog: Catalog) -> None:
    inside: list[int] = []
    most: list[int] = []

    def write(number: int) -> None:
        with catalog.write() as session:
            inside.append(number)
            datasets.create_dataset(session, f"d{number}")
            most.append(len(inside))
            inside.remove(number)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert most == [1] * 8


def test_more_threads_than_a_pool_holds_read_at_once(catalog: Catalog) -> None:
    n = 40
    together = threading.Barrier(n, timeout=20)
    read: list[list[str]] = []

    def read_one() -> None:
        with catalog.read() as session:
            names = datasets.dataset_names(session)
            together.wait()
            read.append(names)

    threads = [threading.Thread(target=read_one) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert read == [[]] * n


def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    catalog = open_catalog(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.sqlite3'}")
    with pytest.raises(UnavailableError) as caught, catalog.read() as session:
        datasets.dataset_names(session)
    assert caught.value.code == "database_unavailable"
    assert caught.value.detail == "the database does not answer: unable to open database file"


AT = 'connection failed: connection to server at "10.1.2.3", port 5432 failed'


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"{AT}: Connection refused\n\tIs the server running?", "Connection refused"),
        (
            f"{AT}: FATAL:  the database system is starting up",
            "the database system is starting up",
        ),
        (
            'connection is bad: connection to server on socket "/srv/.s.PGSQL.5432" failed: '
            "No such file or directory",
            "No such file or directory",
        ),
        (
            "failed to resolve host 'db.internal': [Errno -2] Name or service not known",
            "failed to resolve its host: [Errno -2] Name or service not known",
        ),
        ("canceling statement due to statement timeout",) * 2,
    ],
)
def test_of_a_failed_connection_the_reason_is_told_and_no_address(said: str, told: str) -> None:
    assert first_line(RuntimeError(said)) == told


def test_a_race_for_a_name_is_a_conflict(catalog: Catalog) -> None:
    with catalog.write() as session:
        datasets.create_dataset(session, "d")
    with pytest.raises(ConflictError) as caught, catalog.write() as session:
        datasets.create_dataset(session, "d")
    assert caught.value.code == "concurrent_change"
    assert caught.value.detail == (
        "something that this builds on was made or deleted at the same time; try again"
    )


def test_sqlite_writes_ahead_flushes_and_checks_references(catalog: Catalog) -> None:
    with catalog.read() as session:
        found = [
            session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]


def test_the_file_of_a_url_is_known_where_there_is_one() -> None:
    assert sqlite_path("sqlite:////home/a%3Fb/c.sqlite3") == Path("/home/a?b/c.sqlite3")
    assert sqlite_path("postgresql://host/db") is None
    assert sqlite_path("sqlite://") is None


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "c.sqlite3").write_bytes(b"no database" * 100)
    catalog = open_catalog(f"sqlite:///{tmp_path / 'c.sqlite3'}")
    with pytest.raises(DamagedError) as caught, catalog.read() as session:
        datasets.dataset_names(session)
    assert caught.value.code == "damaged_database"
    assert caught.value.detail == "the database is damaged: file is not a database"


def test_the_stamp_differs_once_something_was_written(
    catalog: Catalog, settings: Settings
) -> None:
    other = open_catalog(settings.resolved_database_url)
    with other.write() as session:
        datasets.create_dataset(session, "first")
    before = catalog.stamp()
    with catalog.read() as session:
        datasets.dataset_names(session)
    assert before is not None
    assert catalog.stamp() == before
    with other.write() as session:
        datasets.create_dataset(session, "second")
    assert catalog.stamp() != before
    other.close()


def test_a_database_elsewhere_has_no_stamp() -> None:
    assert open_catalog("postgresql+psycopg://nobody@127.0.0.1:1/none").stamp() is None


def test_who_does_not_get_to_write_is_told_at_the_end_of_the_limit(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_MS", 20)
    with rival_catalogs(catalog, 1) as [rival]:
        with rival.write() as first:
            datasets.create_dataset(first, "d")
            with pytest.raises(UnavailableError) as caught, catalog.write() as second:
                datasets.create_dataset(second, "e")
        assert caught.value.code == "database_unavailable"
        assert caught.value.detail == "the database does not answer: database is locked"
    with catalog.write() as session:
        assert session.execute(text("PRAGMA busy_timeout")).scalar() == 20
