"""Makes a home ready for one `zoo up` and locks it against a second."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zoo.errors import StartError
from zoo.settings import Settings

MIN_FREE_BYTES = 32_000_000
_OURS = ".featurezoo"  # marks a tmp/ that we made and so may empty
_FOLDERS = ("blobs", "weights", "logs", "run", "run/broker")


@contextmanager
def locked_home(settings: Settings) -> Iterator[None]:
    """The home, made ready and locked until the block ends; the kernel frees it if we are killed.

    Raises `StartError` when it cannot be written, is full or is in use.
    """
    with _explaining(settings.home):
        _make_folder(settings.home / "run")
        lock = _lock(settings.home)
    try:
        with _explaining(settings.home):
            _make_ready(settings)
        yield
    finally:
        os.close(lock)


def make_folders(settings: Settings) -> None:
    """Make the home and the folder of its sockets, for a process that is started by itself.

    Raises `StartError` where they cannot be made, or the latter is somebody else's.
    """
    with _explaining(settings.home):
        _make_folder(settings.home)  # the sockets of a home with a long path are not in it
        _make_runtime_dir(settings)


def _make_ready(settings: Settings) -> None:
    home = settings.home
    free = shutil.disk_usage(home).free
    if free < MIN_FREE_BYTES:
        raise StartError(
            f"the disk of the home {home} has {free // 1_000_000} MB left; "
            f"the service needs at least {MIN_FREE_BYTES // 1_000_000} MB"
        )
    for name in _FOLDERS:
        _make_folder(home / name)
    _make_runtime_dir(settings)
    _empty_tmp(home / "tmp")
    for socket in settings.runtime_dir.glob("*.sock"):
        if socket.name != "broker.sock":  # a broker left over is asked to stop through it
            socket.unlink()


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _make_runtime_dir(settings: Settings) -> None:
    """Sockets may live in the system's temp folder: then it must be ours and closed to others."""
    folder = settings.runtime_dir
    _make_folder(folder)
    found = folder.lstat()
    is_inside = folder.is_relative_to(settings.home)
    if not is_inside and (folder.is_symlink() or found.st_uid != os.getuid()):
        raise StartError(
            f"the folder for sockets {folder} belongs to somebody else; "
            "set TMPDIR to a folder of your own or choose a shorter --home"
        )
    if not is_inside:
        folder.chmod(0o700)


def _lock(home: Path) -> int:
    path = home / "run" / "zoo.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        os.fsync(lock)
    except BlockingIOError as error:
        os.close(lock)
        pid = path.read_text().strip() or "unknown"
        raise StartError(
            f"the home {home} is in use by process {pid}; stop that one or choose another --home"
        ) from error
    except OSError:
        os.close(lock)
        raise
    return lock


def _empty_tmp(folder: Path) -> None:
    """Remove what a killed service left in its spool, but never a stranger's `tmp`."""
    _make_folder(folder)
    marker = folder / _OURS
    if not marker.exists() and any(folder.iterdir()):
        return
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    marker.touch()


@contextmanager
def _explaining(home: Path) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise StartError(f"the home {home} is a file; it should be a folder") from error
    except OSError as error:
        raise StartError(
            f"the home {home} cannot be written: {error.strerror}; choose another with --home"
        ) from error
