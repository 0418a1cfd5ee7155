import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import zoo_migrations
from zoo.catalog.soundness import SCHEMA
from zoo_migrations.glancing import is_newest, newest

LOADED = """
import sys, zoo_migrations
print(zoo_migrations.upgrade(sys.argv[1]), sorted({"alembic", "sqlalchemy"} & set(sys.modules)))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a %41 folder" / "catalog.sqlite3"


@pytest.fixture
def url(path: Path) -> str:
    url = f"sqlite:///{str(path).replace('%', '%25').replace(' ', '%20')}"
    zoo_migrations.upgrade(url)
    return url


def test_the_newest_schema_is_the_one_that_the_service_asks_for() -> None:
    assert newest() == SCHEMA


def test_a_database_that_needs_nothing_is_not_worth_loading_alembic_for(url: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", LOADED, url], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == f"{SCHEMA} []"


def leave_older(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()


def leave_empty(path: Path) -> None:
    path.write_bytes(b"")


def leave_broken(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


@pytest.mark.parametrize("leave", [Path.unlink, leave_empty, leave_older, leave_broken])
def test_anything_else_is_looked_at_closely(
    url: str, path: Path, leave: Callable[[Path], None]
) -> None:
    assert is_newest(url)

    leave(path)

    assert not is_newest(url)


def test_other_databases_are_looked_at_closely(url: str) -> None:
    assert [is_newest(one) for one in (f"{url}?timeout=1", "sqlite://", "postgresql://h/d")] == [
        False,
        False,
        False,
    ]
