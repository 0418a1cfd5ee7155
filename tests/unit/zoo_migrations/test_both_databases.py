from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

import zoo_migrations
from tests.databases import TWINS, PostgresServer
from tests.migrated import connected, upgrade_to
from zoo.catalog import inputs, open_catalog, shards, work_tables
from zoo.catalog.engines import shown
from zoo.catalog.soundness import SCHEMA, check_schema
from zoo.errors import StartError


@pytest.fixture(params=TWINS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without a schema."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/catalog.sqlite3"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create()


def test_the_migrations_give_just_the_tables_that_the_code_knows(empty: str) -> None:
    zoo_migrations.upgrade(empty)
    with connected(empty) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, work_tables.Job.metadata) == []


def test_upgrading_tells_what_was_there_before_and_repeats_nothing(empty: str) -> None:
    assert (zoo_migrations.upgrade(empty), zoo_migrations.upgrade(empty)) == ("", SCHEMA)
    zoo_migrations.check(empty)
    catalog = open_catalog(empty)
    with catalog.read() as session:
        check_schema(session)
    catalog.close()


def test_inputs_of_jobs_that_were_there_before_are_counted(empty: str) -> None:
    upgrade_to("0005", empty)
    with connected(empty) as connection, connection.begin():
        for job_id in ("some", "none"):
            connection.execute(
                text(
                    "INSERT INTO jobs (id, type, state, spec, work, final_kind, is_internal,"
                    " phase, steps, warnings, attempt, created_at) VALUES (:id, 'ingest',"
                    " 'running', '{}', '{}', 'index', false, 'embed', '[]', '[]', 0,"
                    " '2026-11-01 00:00:00')"
                ),
                {"id": job_id},
            )
        for position, state in enumerate(("queued", "failed", "queued", "embedded")):
            connection.execute(
                text(
                    "INSERT INTO job_inputs (job_id, position, name, item_id, metadata, state)"
                    " VALUES ('some', :position, 'a', 'b', '{}', :state)"
                ),
                {"position": position, "state": state},
            )

    assert zoo_migrations.upgrade(empty) == "0005"

    catalog = open_catalog(empty)
    with catalog.read() as session:
        assert inputs.count_states_of(session, ["some", "none"]) == {
            "some": {"queued": 2, "embedded": 1, "failed": 1}
        }
    catalog.close()


def test_shards_that_were_there_before_have_not_waited(empty: str) -> None:
    upgrade_to("0008", empty)
    with connected(empty) as connection, connection.begin():
        connection.execute(
            text(
                "INSERT INTO jobs (id, type, state, spec, work, final_kind, is_internal,"
                " phase, steps, warnings, attempt, created_at) VALUES ('a', 'ingest',"
                " 'running', '{}', '{}', 'index', false, 'embed', '[]', '[]', 2,"
                " '2026-11-01 00:00:00')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO shards (id, job_id, kind, queue, state, arguments, token, attempt)"
                " VALUES (1, 'a', 'embed', 'cpu', 'queued', '{}', 2, 2)"
            )
        )

    assert zoo_migrations.upgrade(empty) == "0008"

    catalog = open_catalog(empty)
    with catalog.read() as session:
        found = shards.get_shard(session, 1)
    catalog.close()
    assert found is not None
    assert (found.attempt, found.waits) == (2, 0)


def test_an_older_and_a_newer_schema_are_told_apart(empty: str) -> None:
    with pytest.raises(StartError) as caught:
        zoo_migrations.check(empty)
    assert caught.value.detail == (
        "the catalog has an older schema than this release; run `zoo migrate`"
    )
    zoo_migrations.upgrade(empty)
    with connected(empty) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()
    for ask in (zoo_migrations.check, zoo_migrations.upgrade):
        with pytest.raises(StartError, match=r"another, newer release \(its schema is '9999'"):
            ask(empty)


@pytest.mark.slow
def test_processes_that_upgrade_at_once_wait_for_each_other(postgres: PostgresServer) -> None:
    url = postgres.create()
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(zoo_migrations.upgrade, [url] * 4)) == ["", *[SCHEMA] * 3]


@pytest.mark.slow
def test_a_database_in_another_encoding_is_refused(postgres: PostgresServer) -> None:
    url = postgres.create(more="ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(StartError) as caught:
        zoo_migrations.upgrade(url)
    assert caught.value.detail == (
        "the database is encoded in LATIN1; it should be made with ENCODING 'UTF8'"
    )


@pytest.mark.slow
def test_each_reason_not_to_get_in_is_one_sentence(postgres: PostgresServer) -> None:
    postgres.lock_out("locked", password="right")
    cases = {
        postgres.url("nowhere"): 'database "nowhere" does not exist',
        postgres.url("postgres", user="nobody"): 'role "nobody" does not exist',
        postgres.url("postgres", user="locked", password="wrong"): (
            'password authentication failed for user "locked"'
        ),
    }
    for url, reason in cases.items():
        for ask in (zoo_migrations.check, zoo_migrations.upgrade):
            with pytest.raises(StartError) as caught:
                ask(url)
            assert caught.value.detail == f"the catalog at {shown(url)} cannot be opened: {reason}"


@pytest.mark.slow
def test_a_server_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(StartError) as caught:
        zoo_migrations.upgrade("postgresql://zoo:secret@127.0.0.1:9/zoo")
    assert caught.value.detail.startswith(
        "the catalog at postgresql://zoo:***@127.0.0.1:9/zoo cannot be opened: "
    )
    assert "refused" in caught.value.detail
    assert "\n" not in caught.value.detail
