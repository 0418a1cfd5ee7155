import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text, update

from tests.databases import PostgresServer, rival_catalogs
from zoo.catalog import Catalog, Session, datasets, jobs, open_catalog, shards
from zoo.catalog.soundness import check_schema
from zoo.catalog.tables import Dataset
from zoo.errors import ConflictError, InvalidError, UnavailableError

slow = pytest.mark.slow


@pytest.fixture
def rival(catalog: Catalog) -> Iterator[Catalog]:
    with rival_catalogs(catalog, 1) as [made]:
        yield made


@pytest.fixture
def on_postgres(postgres: PostgresServer) -> Iterator[Catalog]:
    opened = open_catalog(postgres.migrated())
    yield opened
    opened.close()


def names(session: Session) -> list[str]:
    return [one.name for one in datasets.list_datasets(session, after="", limit=100)]


def add(catalog: Catalog, name: str) -> None:
    with catalog.write() as session:
        datasets.create_dataset(session, name)


def test_a_read_sees_one_snapshot(catalog: Catalog, rival: Catalog) -> None:
    add(catalog, "a")
    with catalog.read() as session:
        assert names(session) == ["a"]
        add(rival, "b")
        assert names(session) == ["a"]
    with catalog.read() as session:
        assert names(session) == ["a", "b"]


def test_a_read_does_not_wait_for_a_write(catalog: Catalog, rival: Catalog) -> None:
    with catalog.write() as writer, rival.read() as session:
        datasets.create_dataset(writer, "a")
        assert names(session) == []


def test_an_exception_takes_back_the_whole_write(catalog: Catalog) -> None:
    def write_half() -> None:
        with catalog.write() as session:
            datasets.create_dataset(session, "a")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    with catalog.read() as session:
        assert names(session) == []


def test_a_name_that_is_there_is_a_conflict_and_never_an_accident(catalog: Catalog) -> None:
    add(catalog, "a")
    with pytest.raises(ConflictError) as caught:
        add(catalog, "a")
    assert caught.value.code == "concurrent_change"
    assert caught.value.detail == (
        "something that this builds on was made or deleted at the same time; try again"
    )


def test_a_transaction_that_loses_its_race_again_and_again_gives_up(catalog: Catalog) -> None:
    add(catalog, "a")
    tries = []

    def lose(session: Session) -> None:
        tries.append(1)
        datasets.create_dataset(session, "a")

    with pytest.raises(ConflictError):
        catalog.transact(lose)
    assert len(tries) == 5


def test_a_refusal_of_our_own_is_not_tried_again(catalog: Catalog) -> None:
    tries = []

    def refuse(_: Session) -> None:
        tries.append(1)
        raise ConflictError("no", code="collection_exists")

    with pytest.raises(ConflictError):
        catalog.transact(refuse)
    assert len(tries) == 1


def test_writers_that_wait_in_a_circle_both_commit(catalog: Catalog, rival: Catalog) -> None:
    add(catalog, "a")
    add(catalog, "b")
    gate = threading.Barrier(2)
    tries = []

    def cross(one: Catalog, order: tuple[str, str]) -> None:
        def work(session: Session) -> None:
            is_first = not any(name == order for name in tries)
            tries.append(order)
            for name in order:
                session.execute(update(Dataset).where(Dataset.name == name).values(name=name))
                if is_first and name == order[0] and one.engine.dialect.name != "sqlite":
                    gate.wait(10)

        one.transact(work)

    with ThreadPoolExecutor(2) as pool:
        ended = [
            pool.submit(cross, catalog, ("a", "b")),
            pool.submit(cross, rival, ("b", "a")),
        ]
        for one in ended:
            one.result(30)
    assert len(tries) == 2 if catalog.engine.dialect.name == "sqlite" else len(tries) > 2


@slow
def test_a_database_without_our_schema_says_how_to_get_it(postgres: PostgresServer) -> None:
    empty = open_catalog(postgres.create())
    for ask in (check_schema, names):
        with pytest.raises(UnavailableError) as caught, empty.read() as session:
            ask(session)
        assert caught.value.code == "wrong_schema"
        assert caught.value.detail.endswith("run `zoo migrate`")
    empty.close()


@slow
def test_a_value_that_no_column_holds_is_the_askers_fault(on_postgres: Catalog) -> None:
    for name in ("x" * 101, "a\0b"):
        with pytest.raises(InvalidError) as caught:
            add(on_postgres, name)
        assert caught.value.code == "value_not_storable"
    with pytest.raises(InvalidError), on_postgres.read() as session:
        datasets.get_version(session, "d", 10**12)


@slow
def test_a_read_may_not_write(on_postgres: Catalog) -> None:
    with pytest.raises(UnavailableError, match="read-only"), on_postgres.read() as session:
        datasets.create_dataset(session, "a")


@slow
def test_a_connection_that_the_server_ended_is_replaced_unnoticed(on_postgres: Catalog) -> None:
    with on_postgres.read() as session:
        pid = session.scalar(text("SELECT pg_backend_pid()"))
    killer = open_catalog(on_postgres.engine.url.render_as_string(hide_password=False))
    with killer.write() as session:
        session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    killer.close()

    with on_postgres.read() as session:
        assert names(session) == []
        assert session.scalar(text("SELECT pg_backend_pid()")) != pid


@slow
def test_a_server_that_is_down_or_mute_is_unavailable_within_three_seconds() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        for backlog in (None, 1):  # nobody listens; somebody takes connections and says nothing
            if backlog:
                listener.listen(backlog)
            catalog = open_catalog(f"postgresql://zoo@127.0.0.1:{port}/zoo")
            began = time.monotonic()
            with pytest.raises(UnavailableError) as caught, catalog.read() as session:
                names(session)
            assert caught.value.code == "database_unavailable"
            assert time.monotonic() - began < 3
            catalog.close()


@slow
def test_a_statement_and_a_wait_for_a_lock_have_a_limit(postgres: PostgresServer) -> None:
    url = f"{postgres.migrated()}&options=-c%20statement_timeout%3D200ms"
    catalog = open_catalog(url)
    with pytest.raises(UnavailableError, match="statement timeout"), catalog.read() as session:
        session.execute(text("SELECT pg_sleep(5)"))
    catalog.close()
    with_ours = open_catalog(postgres.migrated())
    with with_ours.read() as session:
        limits = [
            session.scalar(text(f"SHOW {name}"))
            for name in (
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
                "application_name",
            )
        ]
    with_ours.close()
    assert limits == ["30s", "10s", "30s", "featurezoo"]


def test_what_a_session_has_seen_before_is_read_again_where_it_matters(
    catalog: Catalog, rival: Catalog
) -> None:
    with catalog.write() as session:
        jobs.add_job(session, "job", values=JOB)
        shard_id = shards.add_shard(session, "job", "plan", arguments={})
    if catalog.engine.dialect.name == "sqlite":
        return  # a second writer waits for the first there
    with catalog.write() as session:
        assert shards.get_shard(session, shard_id)
        with rival.write() as other:
            claimed = shards.claim_shard(other, shard_id, worker_id="w", pid=1)
            assert claimed
            assert shards.requeue_shard(other, claimed, attempt=0, waits=0, last_error=None)

        again = shards.claim_shard(session, shard_id, worker_id="v", pid=2)

    assert again
    assert again.token == 2


JOB = {
    "type": "fine_tune",
    "spec": {},
    "work": {},
    "final_kind": "train",
    "is_internal": False,
    "phase": "plan",
}
