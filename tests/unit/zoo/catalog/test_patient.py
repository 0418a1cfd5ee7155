"""A server that falls silent in the middle of a statement."""

import os
import signal
import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from tests.databases import PostgresServer
from zoo.catalog import Catalog, open_catalog
from zoo.catalog.engines import CONNECT_TIMEOUT_S
from zoo.catalog.patient import PatientConnection, SilentError, connect

pytestmark = pytest.mark.slow


@pytest.fixture
def catalog(postgres: PostgresServer) -> Iterator[Catalog]:
    opened = open_catalog(postgres.migrated())
    yield opened
    opened.close()


def backend_of(session: Session) -> int:
    return int(session.execute(text("SELECT pg_backend_pid()")).scalar_one())


def test_a_server_that_falls_silent_in_a_transaction_is_given_up(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientConnection, "patience_s", 1.0)
    began = time.monotonic()
    with catalog.read() as session:
        backend = backend_of(session)
        os.kill(backend, signal.SIGSTOP)
        try:
            with pytest.raises(OperationalError, match="the server has not answered for 1 s"):
                session.execute(text("SELECT 1"))
        finally:
            os.kill(backend, signal.SIGCONT)
    assert time.monotonic() - began < 10


def test_a_connection_whose_server_fell_silent_is_soon_replaced_before_it_is_used_again(
    catalog: Catalog,
) -> None:
    with catalog.read() as session:
        backend = backend_of(session)
    os.kill(backend, signal.SIGSTOP)
    began = time.monotonic()
    try:
        with catalog.read() as session:
            assert backend_of(session) != backend
    finally:
        os.kill(backend, signal.SIGCONT)
    assert time.monotonic() - began < 10  # not the patience that a statement is given


def test_a_connection_that_was_idle_is_patient_again_with_statements(catalog: Catalog) -> None:
    for _ in range(2):
        with catalog.read() as session:
            answered = session.execute(text("SELECT 7 FROM pg_sleep(1.5)")).scalar_one()

            assert answered == 7


def test_what_takes_long_but_not_too_long_is_waited_for(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientConnection, "patience_s", 5.0)
    with catalog.read() as session:
        assert session.execute(text("SELECT 7 FROM pg_sleep(0.5)")).scalar_one() == 7


def test_errors_of_the_server_stay_what_they_are(catalog: Catalog) -> None:
    with pytest.raises(ProgrammingError) as caught, catalog.read() as session:
        session.execute(text("SELECT no_such_function()"))
    assert isinstance(caught.value.orig, psycopg.errors.UndefinedFunction)


def test_a_server_that_stands_still_is_given_up_within_the_time_to_connect(
    postgres: PostgresServer,
) -> None:
    url, server = postgres.migrated(), postgres.pid
    os.kill(server, signal.SIGSTOP)
    try:
        with pytest.raises(SilentError, match=r"has not answered for 1\.25 s"):
            connect(url, is_hasty=True, connect_timeout=CONNECT_TIMEOUT_S)
    finally:
        os.kill(server, signal.SIGCONT)
