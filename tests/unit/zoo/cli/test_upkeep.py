"""Commands that look after a home, on real ones."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import zoo_migrations
from tests.stock import Stock, random_vectors
from zoo.catalog import open_catalog
from zoo.cli.main import build_app
from zoo.errors import StartError
from zoo.settings import load_settings
from zoo.storage.blobs import open_blobs


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with an item, and with one that was deleted."""
    settings = load_settings({}, home=tmp_path / "home")
    zoo_migrations.upgrade(settings.resolved_database_url)
    catalog = open_catalog(settings.resolved_database_url)
    stock = Stock(catalog=catalog, blobs=open_blobs(settings))
    stock.collection("c")
    for i, vector in enumerate(random_vectors(2)):
        stock.put("c", {f"i{i}": vector})
    stock.delete("c", "i0")
    catalog.close()
    return settings.home


def ask(*arguments: str) -> str:
    ended = CliRunner().invoke(build_app(), list(arguments), catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.output


def test_gc_tells_what_went(home: Path) -> None:
    told = json.loads(ask("gc", "--home", str(home), "--dry-run", "--json"))
    assert told["is_dry_run"]
    assert {one["kind"]: one["count"] for one in told["collected"]} == {
        "deleted items": 1,
        "contents": 1,
        "packs": 1,
        "segments": 1,
    }
    assert ask("gc", "--home", str(home)).endswith("0.0 MB were freed\n")
    assert json.loads(ask("gc", "--home", str(home), "--json"))["collected"] == []
    assert ask("fsck", "--home", str(home)) == f"the home {home} is in order\n"


def test_gc_of_no_home_says_so(tmp_path: Path) -> None:
    with pytest.raises(StartError) as caught:
        ask("gc", "--home", str(tmp_path / "none"))
    assert caught.value.detail == (
        f"there is no home at {tmp_path / 'none'}; name one with --home"
    )
    with pytest.raises(StartError) as caught:
        ask("gc", "--home", str(tmp_path))
    assert caught.value.detail == (
        f"there is no catalog at {tmp_path / 'catalog.sqlite3'}; `zoo up` makes a home"
    )


def test_a_backup_is_made_and_restored(home: Path, tmp_path: Path) -> None:
    told = json.loads(ask("backup", str(tmp_path / "kept"), "--home", str(home), "--json"))
    assert (told["n_files"], told["missing"]) == (5, [])
    other = tmp_path / "other"
    assert ask("restore", str(tmp_path / "kept"), "--home", str(other)) == (
        f"4 files of record restored into {other}\n"
    )
    assert ask("fsck", "--home", str(other)) == f"the home {other} is in order\n"


def test_a_backup_that_lacks_a_file_ends_with_1(home: Path, tmp_path: Path) -> None:
    [first, *_] = sorted((home / "blobs" / "packs").iterdir())
    first.unlink()
    ended = CliRunner().invoke(
        build_app(), ["backup", str(tmp_path / "kept"), "--home", str(home)]
    )
    assert ended.exit_code == 1
    assert ended.stderr == (
        f"packs/{first.name} is missing from the home, and so from the backup\n"
    )
