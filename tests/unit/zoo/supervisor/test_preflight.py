import socket
import sqlite3
from pathlib import Path

import pytest

import zoo_migrations
from zoo.catalog import keys, open_catalog
from zoo.errors import StartError
from zoo.keys import make_key
from zoo.settings import Settings
from zoo.supervisor import preflight


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.0.1"])
def test_loopback_is_fine(host: str, tmp_path: Path) -> None:
    preflight.check_bind(Settings(home=tmp_path, host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org"])
def test_an_address_that_others_can_reach_is_refused(host: str, tmp_path: Path) -> None:
    with pytest.raises(StartError) as caught:
        preflight.check_bind(Settings(home=tmp_path / "a home", host=host))

    assert caught.value.detail == (
        f"binding to {host} would let anybody on the network in: it needs an API key, "
        "and this home has none; bind to 127.0.0.1, or make a key with: "
        f"zoo key create --name NAME --scope submit --home '{tmp_path}/a home'"
    )
    assert not (tmp_path / "a home").exists()


def test_with_a_key_that_works_it_is_allowed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, host="0.0.0.0")
    zoo_migrations.upgrade(settings.resolved_database_url)
    catalog = open_catalog(settings.resolved_database_url)
    made = make_key()
    with catalog.write() as session:
        keys.add_key(session, made, name="x", scope="read")
    preflight.check_bind(settings)

    with catalog.write() as session:
        keys.revoke_key(session, made.id)
    with pytest.raises(StartError, match="this home has none"):
        preflight.check_bind(settings)
    catalog.close()


def test_a_catalog_of_before_there_were_keys_has_none(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "catalog.sqlite3").close()

    with pytest.raises(StartError, match="this home has none"):
        preflight.check_bind(Settings(home=tmp_path, host="0.0.0.0"))


def test_a_catalog_that_cannot_be_read_is_no_yes(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite3").write_bytes(b"no database at all, " * 100)

    with pytest.raises(StartError) as caught:
        preflight.check_bind(Settings(home=tmp_path, host="0.0.0.0"))

    assert caught.value.detail == (
        "cannot look for an API key: the database is damaged: file is not a database"
    )


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(StartError) as caught:
            preflight.check_port("127.0.0.1", port)

    assert caught.value.detail == (
        f"port {port} is taken on 127.0.0.1; stop what listens there or choose another with --port"
    )


@pytest.mark.parametrize(
    ("storage_url", "missing"),
    [("s3://b/c", "fsspec"), ("s3://b/c", "s3fs"), ("gs://b", "fsspec")],
)
def test_a_missing_package_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, storage_url: str, missing: str
) -> None:
    monkeypatch.setattr(preflight, "find_spec", lambda name: None if name == missing else name)

    with pytest.raises(StartError) as caught:
        preflight.check_configuration(Settings(home=tmp_path, storage_url=storage_url))

    assert caught.value.detail == (
        f"{missing} is not installed; get it with: pip install 'featurezoo[s3]'"
    )


def test_files_at_home_need_no_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(preflight, "find_spec", lambda _name: None)

    preflight.check_storage(Settings(home=tmp_path))
    preflight.check_storage(Settings(home=tmp_path, storage_url="file:///srv/zoo"))
