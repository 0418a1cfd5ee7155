"""Makes `.venv` hold the project, and starts commands in it."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from workshop.errors import CannotError

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
BIN = VENV / "bin"
STAMP = VENV / ".featurezoo-stamp"
STATE = ROOT / ".zoo"  # what runs leave behind; git ignores it
PROBE = "import sys; print('%d.%d' % sys.version_info[:2])"
DOWNLOAD = """\
FeatureZoo runs its models on PyTorch. Its Linux wheel on PyPI is the CUDA one, which also runs on
CPUs: with everything else this takes about 5.6 GB, once, into {venv}.
For a smaller CPU-only build stop now and run
    {python} -m venv .venv && .venv/bin/pip install uv
    .venv/bin/uv pip install --python .venv/bin/python --torch-backend=cpu torch torchvision
and then this command again, which keeps what is there."""


@dataclass(frozen=True)
class Stamp:
    """What an environment was made from."""

    root: str
    python: str
    pyproject: str
    extras: tuple[str, ...]


def ensure_environment(extras: Sequence[str]) -> None:
    """Make `.venv` hold the project with these extras; a moment when it does already."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at a time would spoil each other's files
        stamp = read_stamp()
        wanted = tuple(sorted({*extras, *(stamp.extras if stamp else ())}))
        if stamp and stamp == current_stamp(wanted):
            return
        make_venv(is_moved=stamp is not None and stamp.root != str(ROOT))
        install(wanted, was_interrupted=stamp is None)
        STAMP.write_text(json.dumps(asdict(current_stamp(wanted))))


def read_stamp() -> Stamp | None:
    """The stamp of the last installation that came to its end."""
    try:
        found = json.loads(STAMP.read_text())
        return Stamp(**{**found, "extras": tuple(found["extras"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def current_stamp(extras: tuple[str, ...]) -> Stamp:
    """What the stamp should say now."""
    pyproject = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    return Stamp(root=str(ROOT), python=venv_python() or "", pyproject=pyproject, extras=extras)


def venv_python() -> str | None:
    """The version of the environment's Python, None if it does not run."""
    try:
        asked = subprocess.run(
            [BIN / "python", "-I", "-c", PROBE], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return asked.stdout.strip()


def make_venv(*, is_moved: bool) -> None:
    """Make an environment, or keep the one that works."""
    if venv_python() and not is_moved:
        return
    print(f"making {VENV}")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=False)
    if made.returncode:
        raise CannotError(
            "this Python cannot make a virtual environment; "
            "on Debian and Ubuntu: apt install python3-venv"
        )


def install(extras: tuple[str, ...], *, was_interrupted: bool) -> None:
    """Install the project, editable, with uv, or with pip when uv cannot do it."""
    STAMP.unlink(missing_ok=True)
    if was_interrupted:
        forget_damaged(next(VENV.glob("lib/python*/site-packages")))
    if not any(VENV.glob("lib/python*/site-packages/torch/__init__.py")):
        print(DOWNLOAD.format(venv=VENV, python=Path(sys.executable).name), flush=True)
    project = ["-e", f".[{','.join(extras)}]"]
    if has_uv() and run([BIN / "uv", "pip", "install", "--compile-bytecode", *project]) == 0:
        return
    print("uv cannot install it here; trying with pip, which takes longer", flush=True)
    if run([BIN / "python", "-m", "pip", "install", "--compile", *project]):
        raise CannotError("the installation failed; see above, then run the same command again")


def has_uv() -> bool:
    """Whether uv is in the environment, which is tried with pip when it is not."""
    if not (BIN / "uv").exists():
        if run([BIN / "python", "-m", "pip", "--version"], is_quiet=True):
            run([BIN / "python", "-m", "ensurepip"], is_quiet=True)
        run([BIN / "python", "-m", "pip", "install", "--quiet", "uv"])
    return (BIN / "uv").exists()


def forget_damaged(packages: Path) -> None:
    """Let packages of which a file is missing or cut short count as not installed."""
    for listing in packages.glob("*.dist-info"):
        if not is_whole(packages, listing / "RECORD"):
            print(f"  {listing.stem} is incomplete; installing it again")
            shutil.rmtree(listing)


def is_whole(packages: Path, record: Path) -> bool:
    """Whether every file of a package is there in its full size."""
    try:
        with record.open(newline="") as listing:
            rows = [row for row in csv.reader(listing) if not row[0].endswith(".pyc")]
        return all(
            (packages / name).stat().st_size == int(size or (packages / name).stat().st_size)
            for name, _, size in rows
        )
    except (OSError, ValueError, IndexError):
        return False


def environment() -> dict[str, str]:
    """Variables for everything started from here."""
    spoilers = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__")
    kept = {name: value for name, value in os.environ.items() if name not in spoilers}
    path = f"{BIN}{os.pathsep}{kept.get('PATH', os.defpath)}"
    # One thread a process: several torch threads on shared cores spin against each other.
    ours = {"VIRTUAL_ENV": str(VENV), "PATH": path, "OMP_NUM_THREADS": "1"}
    return {**kept, **uv_cache(kept), **ours}


def uv_cache(environ: dict[str, str]) -> dict[str, str]:
    """Settings that keep uv's cache where it can link from, rather than copy 5.6 GB."""
    cache_home = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = Path(environ.get("UV_CACHE_DIR") or cache_home / "uv")
    existing = next((path for path in (cache, *cache.parents) if path.exists()), Path("/"))
    if existing.stat().st_dev == ROOT.stat().st_dev:
        return {}
    if "UV_CACHE_DIR" in environ:
        return {"UV_LINK_MODE": environ.get("UV_LINK_MODE", "copy")}
    return {"UV_CACHE_DIR": str(STATE / "uv-cache")}


def run(command: Sequence[str | Path], *, is_quiet: bool = False) -> int:
    """Run a command in the repository and give its exit code."""
    sink = subprocess.DEVNULL if is_quiet else None
    sys.stdout.flush()
    ended = subprocess.run(
        command, cwd=ROOT, env=environment(), stdout=sink, stderr=sink, check=False
    )
    return ended.returncode
