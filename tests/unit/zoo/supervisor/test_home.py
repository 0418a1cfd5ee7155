import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from zoo.errors import StartError
from zoo.settings import Settings
from zoo.supervisor.home import locked_home, make_folders


def test_foreign_files_in_the_home_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "letter.txt").write_text("mine too")

    for _ in range(2):
        with locked_home(Settings(home=tmp_path)):
            pass

    assert (tmp_path / "holiday.jpg").read_bytes() == b"mine"
    assert (tmp_path / "tmp" / "letter.txt").read_text() == "mine too"


def test_our_own_spool_is_emptied_at_start(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with locked_home(settings):
        (settings.home / "tmp" / "half").mkdir()
        (settings.home / "tmp" / "half" / "pack").write_bytes(b"left by a killed process")

    with locked_home(settings):
        assert [p.name for p in (settings.home / "tmp").iterdir()] == [".featurezoo"]


def test_the_lock_is_free_again_after_the_block_and_taken_inside(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with locked_home(settings), pytest.raises(StartError) as caught, locked_home(settings):
        pass
    assert caught.value.detail == (
        f"the home {tmp_path} is in use by process {os.getpid()}; "
        "stop that one or choose another --home"
    )
    with locked_home(settings):
        pass


def test_stale_sockets_are_removed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    stale = tmp_path / "run" / "predictor.sock"
    stale.touch()

    with locked_home(Settings(home=tmp_path)):
        assert not stale.exists()


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.touch()

    with pytest.raises(StartError) as caught, locked_home(Settings(home=home)):
        pass

    assert caught.value.detail == f"the home {home} is a file; it should be a folder"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_home_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(StartError) as caught, locked_home(Settings(home=Path("/proc/zoo"))):
        pass

    assert caught.value.detail == (
        "the home /proc/zoo cannot be written: No such file or directory; "
        "choose another with --home"
    )


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_400_000))

    with pytest.raises(StartError) as caught, locked_home(Settings(home=tmp_path)):
        pass

    assert caught.value.detail == (
        f"the disk of the home {tmp_path} has 5 MB left; the service needs at least 32 MB"
    )


def test_a_home_with_a_long_path_keeps_its_sockets_in_a_closed_temporary_folder(
    tmp_path: Path,
) -> None:
    settings = Settings(home=tmp_path / ("h" * 90))

    with locked_home(settings):
        folder = settings.runtime_dir
        assert not folder.is_relative_to(settings.home)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len(os.fsencode(folder / "predictor.sock")) <= 103
    folder.rmdir()


def test_a_home_whose_sockets_lie_elsewhere_is_made_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settings = Settings(home=tmp_path / ("far" * 40) / "home")

    make_folders(settings)

    assert not settings.runtime_dir.is_relative_to(settings.home)
    assert all(
        one.stat().st_mode & 0o777 == 0o700 for one in (settings.home, settings.runtime_dir)
    )
