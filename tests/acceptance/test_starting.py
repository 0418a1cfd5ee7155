"""What cannot start says why in one sentence and leaves nothing running."""

import shutil
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.disks import SMALL, small_disk_at
from tests.live import LiveService, free_port, run_zoo
from zoo.catalog.soundness import SCHEMA

CANNOT_START = 2


def check_refused(sentence: str, *arguments: str) -> None:
    """`zoo up` ends by itself with one sentence and nothing else."""
    done = run_zoo("up", *arguments)
    assert (done.returncode, done.stderr) == (CANNOT_START, f"zoo: {sentence}\n")
    assert done.stdout == ""


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_a_taken_port(tmp_path: Path, taken_port: int) -> None:
    check_refused(
        f"port {taken_port} is taken on 127.0.0.1; stop what listens there "
        "or choose another with --port",
        *("--home", str(tmp_path / "home"), "--port", str(taken_port)),
    )


def test_a_home_in_use(shared: LiveService) -> None:
    assert shared.process is not None
    check_refused(
        f"the home {shared.home} is in use by process {shared.process.pid}; "
        "stop that one or choose another --home",
        *("--home", str(shared.home), "--port", str(free_port())),
    )
    assert shared.is_ready()


def test_a_home_of_a_newer_release(tmp_path: Path, seasoned: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(seasoned / "catalog.sqlite3", home)
    database = sqlite3.connect(home / "catalog.sqlite3")
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.commit()
    database.close()
    sentence = (
        "this home was made by another, newer release (its schema is '9999', "
        f"this one knows up to '{SCHEMA}'); upgrade featurezoo"
    )
    check_refused(sentence, "--home", str(home), "--port", str(free_port()))
    sound = run_zoo("fsck", "--home", str(home))
    assert (sound.returncode, sound.stdout) == (1, f"{sentence}\n")


def test_a_damaged_catalog(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "catalog.sqlite3").write_bytes(b"this is no database" * 1000)
    check_refused(
        "the catalog cannot be opened: file is not a database",
        *("--home", str(home), "--port", str(free_port())),
    )


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.touch()
    check_refused(
        f"the home {home} is a file; it should be a folder",
        *("--home", str(home), "--port", str(free_port())),
    )


def test_a_home_that_cannot_be_written() -> None:
    done = run_zoo("up", "--home", "/proc/zoo-home", "--port", str(free_port()))
    assert done.returncode == CANNOT_START
    assert done.stderr.startswith("zoo: the home /proc/zoo-home cannot be written: ")
    assert done.stderr.endswith("; choose another with --home\n")
    assert done.stderr.count("\n") == 1


def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk_at(tmp_path / "disk") as disk:
        if disk.code != "disk_full":
            pytest.skip("no file system of one's own can be mounted here")
        assert SMALL < 32_000_000
        check_refused(
            f"the disk of the home {disk.folder} has 1 MB left; the service needs at least 32 MB",
            *("--home", str(disk.folder), "--port", str(free_port())),
        )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_an_address_that_others_can_reach(tmp_path: Path, host: str) -> None:
    check_refused(
        f"binding to {host} would let anybody on the network in: it needs an API key, "
        "and this home has none; bind to 127.0.0.1, or make a key with: "
        f"zoo key create --name NAME --scope submit --home {tmp_path}/home",
        *("--home", str(tmp_path / "home"), "--host", host, "--port", str(free_port())),
    )
    assert not (tmp_path / "home").exists()


def test_a_setting_that_is_none(tmp_path: Path) -> None:
    done = run_zoo("up", "--home", str(tmp_path / "home"), ZOO_PORT="many")
    assert (done.returncode, done.stderr) == (
        CANNOT_START,
        "zoo: ZOO_PORT is 'many'; it should be an int\n",
    )
