import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from zoo.catalog import keys as catalog_keys
from zoo.catalog import open_catalog
from zoo.cli.main import build_app
from zoo.errors import InvalidError, NotFoundError, StartError, ZooError
from zoo.keys import digest_of, id_of
from zoo.settings import load_settings
from zoo.supervisor.home import locked_home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def zoo_key(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(build_app(), ["key", *arguments, "--home", str(home)])


def create(home: Path, *more: str) -> Result:
    ended = zoo_key(home, "create", "--name", "ci", "--scope", "submit", *more)
    assert ended.exit_code == 0, ended.output
    return ended


def error_of(ended: Result) -> ZooError:
    assert isinstance(ended.exception, ZooError), ended.output
    return ended.exception


def test_a_key_is_made_on_a_home_that_does_not_exist_yet(home: Path) -> None:
    ended = create(home)
    text = ended.stdout.strip()

    assert id_of(text)
    assert ended.stderr == (
        "keep it: it is not shown again, and nobody can read it from the home\n"
        "from now on this service asks every request for a key\n"
    )
    catalog = open_catalog(load_settings({}, home=home).resolved_database_url)
    with catalog.read() as session:
        [key] = catalog_keys.list_keys(session)
    catalog.close()
    assert (key.name, key.scope, key.digest) == ("ci", "submit", digest_of(text))
    assert text.rpartition("_")[2].encode() not in (home / "catalog.sqlite3").read_bytes()


def test_only_the_first_key_changes_what_is_asked(home: Path) -> None:
    create(home)
    assert "from now on" not in create(home).stderr


def test_keys_are_made_listed_and_revoked_while_the_service_runs(home: Path) -> None:
    create(home)
    with locked_home(load_settings({}, home=home)):
        made = json.loads(create(home, "--json").stdout)
        assert zoo_key(home, "revoke", made["id"]).stdout == f"the key {made['id']} is revoked\n"
        rows = json.loads(zoo_key(home, "list", "--json").stdout)["data"]

    assert [row["revoked_at"] is None for row in rows] == [True, False]
    assert "key" not in rows[1]
    assert {k: v for k, v in made.items() if k not in ("key", "revoked_at")} == {
        k: v for k, v in rows[1].items() if k != "revoked_at"
    }


def test_a_list_is_a_table_for_people(home: Path) -> None:
    key_id = id_of(create(home).stdout.strip())
    shown = zoo_key(home, "list").stdout
    assert f"{key_id}  ci    submit" in shown


def test_revoking_twice_keeps_the_first_time(home: Path) -> None:
    key_id = json.loads(create(home, "--json").stdout)["id"]
    first, second = (json.loads(zoo_key(home, "revoke", key_id, "--json").stdout) for _ in "ab")
    assert first == second
    assert first["revoked_at"]


def test_an_unknown_key_is_named(home: Path) -> None:
    create(home)
    error = error_of(zoo_key(home, "revoke", "none"))
    assert isinstance(error, NotFoundError)
    assert error.detail == "no key 'none'"


@pytest.mark.parametrize("arguments", [("list",), ("revoke", "x")])
def test_a_home_that_is_none_is_not_made_by_looking(home: Path, arguments: tuple[str]) -> None:
    error = error_of(zoo_key(home, *arguments))
    assert isinstance(error, StartError)
    assert error.detail == f"there is no home at {home}; name one with --home"
    assert not home.exists()


def test_a_scope_that_is_none_makes_no_home(home: Path) -> None:
    error = error_of(zoo_key(home, "create", "--name", "x", "--scope", "root"))
    assert isinstance(error, InvalidError)
    assert not home.exists()
