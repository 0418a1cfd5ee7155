import sys
from pathlib import Path

import pytest

from zoo.catalog.engines import make_engine, parse_url, shown, sqlite_path
from zoo.errors import StartError


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_means_the_one_driver(scheme: str) -> None:
    url = parse_url(f"{scheme}://zoo:secret@db:5433/features?sslmode=require")
    assert url.drivername == "postgresql+psycopg"
    assert (url.password, url.port, url.query["sslmode"]) == ("secret", 5433, "require")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("mysql://zoo:secret@db/features", "'mysql://zoo:***@db/features'"),
        ("postgresql+psycopg2://zoo@db/features", "'postgresql+psycopg2://zoo@db/features'"),
        ("no url: secret", "no URL"),
        ("postgresql://zoo:secret@db:port/features", "no URL"),
    ],
)
def test_another_database_is_refused_without_its_password(given: str, named: str) -> None:
    with pytest.raises(StartError) as caught:
        parse_url(given)
    assert caught.value.detail == (
        f"ZOO_DATABASE_URL is {named}; it should be postgresql://user:password@host/database "
        "or sqlite:////path/to/file"
    )


def test_a_missing_driver_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StartError) as caught:
        make_engine("postgresql://zoo@db/features", is_pooled=True)
    assert caught.value.detail == (
        "PostgreSQL needs psycopg, which is not installed; "
        "get it with: pip install 'featurezoo[postgres]'"
    )


def test_only_sqlite_has_a_path() -> None:
    assert sqlite_path("sqlite:////home/a%20b/catalog.sqlite3") == Path(
        "/home/a b/catalog.sqlite3"
    )
    assert sqlite_path("postgresql://zoo@db/features") is None


def test_a_url_is_shown_without_its_password() -> None:
    assert shown("postgres://zoo:secret@db/features") == "postgresql://zoo:***@db/features"
