"""Databases with the schema of an earlier release."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

import zoo_migrations
from zoo.catalog import open_catalog
from zoo.catalog.engines import sqlite_path


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    catalog = open_catalog(url)
    with catalog.engine.connect() as connection:
        yield connection
    catalog.close()


def upgrade_to(revision: str, url: str) -> None:
    """Bring the database at `url` to a revision."""
    if path := sqlite_path(url):
        path.parent.mkdir(exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(Path(zoo_migrations.__file__).parent))
    with connected(url) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
