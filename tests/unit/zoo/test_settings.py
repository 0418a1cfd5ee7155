from dataclasses import replace
from pathlib import Path

import pytest

from zoo.catalog.engines import sqlite_path
from zoo.errors import StartError
from zoo.settings import MAX_SOCKET_PATH, Settings, load_settings


def test_the_environment_is_read_and_what_is_given_stands_above_it() -> None:
    environ = {"ZOO_PORT": "9000", "ZOO_BEAT_EVERY_S": "0.5", "ZOO_HOME": "/srv/zoo"}
    settings = load_settings(environ, host=None, port=9001)
    assert (settings.port, settings.beat_every_s, settings.host) == (9001, 0.5, "127.0.0.1")
    assert settings.home == Path("/srv/zoo")


def test_settings_pass_to_a_child_unchanged(tmp_path: Path) -> None:
    settings = load_settings({}, home=tmp_path, port=9001, queue_limit_s=1.5, database_url="x://")
    assert load_settings(settings.environment()) == settings


@pytest.mark.parametrize(
    ("name", "text", "detail"),
    [
        ("ZOO_PORT", "many", "ZOO_PORT is 'many'; it should be an int"),
        ("ZOO_BEAT_EVERY_S", "3 s", "ZOO_BEAT_EVERY_S is '3 s'; it should be a float"),
    ],
)
def test_a_value_that_does_not_parse_is_named(name: str, text: str, detail: str) -> None:
    with pytest.raises(StartError) as caught:
        load_settings({name: text})
    assert caught.value.detail == detail


def test_a_home_is_absolute_and_its_tilde_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert load_settings({"ZOO_HOME": "~/zoo"}).home == Path("/home/ada/zoo")
    assert load_settings({"ZOO_HOME": "zoo"}).home == Path.cwd() / "zoo"


@pytest.mark.parametrize("name", ["plain", "a?b", "a%41b", "a#b", "a b", "ünï"])
def test_the_catalog_lies_in_the_home_whatever_its_name(tmp_path: Path, name: str) -> None:
    settings = load_settings({}, home=tmp_path / name)
    assert sqlite_path(settings.resolved_database_url) == tmp_path / name / "catalog.sqlite3"


def test_sockets_of_a_deep_home_are_short_and_its_own(tmp_path: Path) -> None:
    deep = [load_settings({}, home=tmp_path / (letter * 60)) for letter in ("aa/", "bb/")]
    folders = {settings.runtime_dir for settings in deep}
    assert len(folders) == 2
    assert all(len(str(folder / ("x" * 24))) <= MAX_SOCKET_PATH for folder in folders)


def test_sockets_lie_in_a_home_of_usual_depth() -> None:
    settings = Settings(home=Path("/srv/zoo"))
    assert settings.resolved_broker_url == "redis+socket:///srv/zoo/run/broker.sock"
    assert settings.resolved_predictor_url == "unix:///srv/zoo/run/predictor.sock"


def test_as_many_children_work_as_asked_for() -> None:
    settings = Settings(home=Path("/srv/zoo"))
    assert replace(settings, worker_processes=3).cores == 3
    assert settings.cores >= 1


def test_allowed_roots_are_absolute_and_allowed_urls_end_in_a_slash(tmp_path: Path) -> None:
    given = {"ZOO_ALLOWED_ROOTS": "/srv/photos:~/scans", "ZOO_ALLOWED_URLS": "s3://a/b, s3://c/"}
    settings = load_settings(given, home=tmp_path)
    assert settings.allowed_root_folders == (Path("/srv/photos"), Path("~/scans").expanduser())
    assert settings.allowed_url_prefixes == ("s3://a/b/", "s3://c/")
    with pytest.raises(StartError) as caught:
        load_settings({"ZOO_ALLOWED_ROOTS": "/srv:photos"}, home=tmp_path)
    assert caught.value.detail == (
        "ZOO_ALLOWED_ROOTS is '/srv:photos'; "
        "it should be absolute paths of folders, with colons between"
    )


@pytest.mark.parametrize("url", ["http://x:1", "tcp://x", "tcp://x:many", "predictor.sock"])
def test_a_predictor_is_asked_at_a_socket_or_a_port(url: str, tmp_path: Path) -> None:
    for right in ("unix:///srv/p.sock", "tcp://predictor:8701", ""):
        load_settings({"ZOO_PREDICTOR_URL": right}, home=tmp_path)
    with pytest.raises(StartError) as caught:
        load_settings({"ZOO_PREDICTOR_URL": url}, home=tmp_path)
    assert caught.value.detail == (
        f"ZOO_PREDICTOR_URL is {url!r}; it should be unix:///path/of/socket or tcp://host:port"
    )
