#!/usr/bin/env python3
"""FeatureZoo's workshop, with nothing but Python: `demo`, `stop`, `test`, `soak` and `check`.

It makes `.venv` with everything in it; what is there already is kept, and a second run only looks
at its stamp.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / ".ci"))

from workshop.environment import BIN, ROOT, STATE, ensure_environment, run
from workshop.errors import CannotError
from workshop.service import PORT, Service, end, find_service, start_service
from workshop.tools import ensure_compose

TEST_FOLDERS = (  # those of long files first, so that all processes end at about one time
    "tests/faults",
    "tests/acceptance",
    "tests/integration",
    "tests/contract",
    "tests/unit",
)
FAULT_FOLDERS = ("tests/faults",)
DEMO_EXTRAS = ("cpu", "demo", "worker")
ALL_EXTRAS = ("all", "dev")
OLDEST = (3, 11)
MOST_PROCESSES = 4
BY_FILE = ("--dist", "loadfile", "--no-loadscope-reorder")
"""A file's tests share what its fixtures start, so they stay together, in the order given."""
CHECKS = {
    "ruff": ("ruff", "check", "."),
    "ruff format": ("ruff", "format", "--check", "."),
    "mypy": ("mypy",),
    "mypy dev.py": ("mypy", "dev.py", ".ci/workshop"),
    "import-linter": ("lint-imports", "--no-logo"),
    "house rules": ("python", ".ci/workshop/house.py"),
}


def demo(asked: argparse.Namespace) -> int:
    """Start the service unless it runs, and show what it does."""
    ensure_environment(DEMO_EXTRAS)
    home = home_of(asked)
    service = find_service(home)
    if service:
        print(f"the service runs already: {service.url}")
    else:
        service = start_service(home, port=asked.port)
    with ending(service, home) if asked.exit else contextlib.nullcontext():
        folder = [asked.folder] if asked.folder else []
        code = run([BIN / "zoo", "demo", "--url", service.url, *folder])
    if not asked.exit:
        more = "" if asked.home is None else f" --home {asked.home}"
        print(f"\nthe service goes on at {service.url}, its home is {home}")
        print(f"stop it with: python3 dev.py stop{more}")
    return code


@contextlib.contextmanager
def ending(service: Service, home: Path) -> Iterator[None]:
    """End a service after the block, however that goes."""
    try:
        yield
    finally:
        end(service.pid)
        print(f"\nthe service has stopped; its home is {home}")


def stop(asked: argparse.Namespace) -> int:
    """Stop the demo's service."""
    home = home_of(asked)
    service = find_service(home)
    if service is None:
        print(f"no service runs on {home}")
        return 0
    end(service.pid)
    print(f"the service on {home} has stopped")
    return 0


def test(asked: argparse.Namespace) -> int:
    """Run the tests; what takes long only with --all, and every combination of faults alone."""
    ensure_environment(ALL_EXTRAS)
    if asked.all:
        ensure_compose()
    given = list(asked.pytest)
    has_places = any((ROOT / one.partition("::")[0]).exists() for one in given)
    folders = FAULT_FOLDERS if asked.faults else TEST_FOLDERS
    places = [] if has_places else [name for name in folders if (ROOT / name).is_dir()]
    which = [] if "-m" in given else left_out(asked)
    spread = [] if has_places else ["-n", str(spread_over()), *BY_FILE]
    return run([BIN / "python", "-m", "pytest", *which, *spread, *places, *given])


def left_out(asked: argparse.Namespace) -> list[str]:
    """What of the tests is not run, as pytest is told."""
    if asked.faults:
        return []
    return ["-m", "not matrix" if asked.all else "not slow"]


def spread_over() -> int:
    """How many processes share the tests: each may start a service of a gigabyte."""
    return min(os.cpu_count() or 1, MOST_PROCESSES)


def soak(asked: argparse.Namespace) -> int:
    """Kill what serves strangers, at random and again and again, and check what is left."""
    ensure_environment(ALL_EXTRAS)
    return run([BIN / "python", "-m", "tests.faults", *asked.pytest])


def check(_: argparse.Namespace) -> int:
    """Run every check and say how each went."""
    ensure_environment(ALL_EXTRAS)
    results: dict[str, int] = {}
    for name, command in CHECKS.items():
        print(f"\n--- {name}", flush=True)
        results[name] = run([BIN / command[0], *command[1:]])
    print()
    for name, code in results.items():
        print(f"  {'failed' if code else 'ok':<8}{name}")
    return int(any(results.values()))


def home_of(asked: argparse.Namespace) -> Path:
    """The home that was asked for."""
    home: Path = asked.home or STATE / "demo"
    return home.expanduser().absolute()


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for; for `test`, what we do not know is pytest's."""
    parser = argparse.ArgumentParser(prog="dev.py", description="FeatureZoo's workshop")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shown = commands.add_parser("demo", help="install, start the service, show what it does")
    shown.add_argument("folder", nargs="?", type=existing_folder, help="your own pictures")
    shown.add_argument("--exit", action="store_true", help="stop the service at the end")
    shown.add_argument("--port", type=int, default=PORT)
    stopped = commands.add_parser("stop", help="stop the demo's service")
    for command in (shown, stopped):
        command.add_argument("--home", type=Path, help="the service's folder (.zoo/demo)")
    tested = commands.add_parser("test", help="run the tests", epilog="the rest goes to pytest")
    tested.add_argument("--all", action="store_true", help="also those that take long")
    tested.add_argument(
        "--faults", action="store_true", help="every fault at every point on every database"
    )
    soaked = commands.add_parser(
        "soak",
        help="kill parts of a service at random: --kills 1000 --seed 1 --hours H --database NAME",
    )
    checked = commands.add_parser("check", help="run linters, types, architecture, house rules")
    pairs = ((shown, demo), (stopped, stop), (tested, test), (soaked, soak), (checked, check))
    for command, act in pairs:
        command.set_defaults(act=act)
    asked, rest = parser.parse_known_args(arguments)
    if rest and asked.act not in (test, soak):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    asked.pytest = rest
    return asked


def existing_folder(text: str) -> Path:
    """A folder that is there."""
    folder = Path(text).expanduser().absolute()
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {folder}")
    return folder


def main() -> int:
    """Do what the command line says; an error is one sentence."""
    if sys.version_info < OLDEST:
        print(f"FeatureZoo needs Python 3.11 or newer; this is {sys.version.split()[0]}")
        return 2
    asked = parse(sys.argv[1:])
    try:
        return int(asked.act(asked))
    except CannotError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"dev.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
