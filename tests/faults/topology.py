"""A whole `zoo up` on the tiny backbone, ready within a second or two, for faults to strike."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx

from tests.databases import PostgresServer
from tests.faults.checker import Checker, Oracle, vectors_of
from tests.faults.stranger import Stranger
from tests.faults.workloads import WORKLOADS, Asked
from tests.live import LiveService, live_service
from zoo.settings import Settings, load_settings
from zoo.testing import tiny
from zoo.testing.distributions import write_distribution
from zoo.testing.pictures import pictures

OTHERS = "lite,timm,torchvision,transformers"
QUICK = {
    "ZOO_DISABLED_PLUGINS": OTHERS,
    "ZOO_SHARD_ITEMS": "8",
    "ZOO_WORKER_PROCESSES": "2",
    "ZOO_UNAVAILABLE_WAIT_S": "0",
}
TIMEOUT_S = 20.0


@dataclass(kw_only=True)
class Struck:
    """A service that something will happen to, what is asked of it, and what it should be."""

    service: LiveService
    asked: Asked
    checker: Checker

    def end(self) -> None:
        """Stop it as one should, and find nothing left behind."""
        code, _ = self.service.stop()
        assert code == 0, self.service.said()
        self.checker.check_repaired()


@dataclass(frozen=True, kw_only=True)
class Seasoned:
    """A home, and with PostgreSQL a database, that knows the tiny backbone and its export."""

    home: Path
    database: str  # a template's name; empty: SQLite in the home
    oracle: Oracle
    path: str  # where the backbone's distribution stands
    postgres: PostgresServer | None

    @contextmanager
    def struck(self, folder: Path, **settings: str) -> Iterator[Struck]:
        """A service on a copy, not started yet."""
        url = self.postgres.create(template=self.database) if self.postgres else ""
        with _serving(folder, self.path, url, seasoned=self.home, **settings) as struck:
            struck.checker = Checker(settings=struck.checker.settings, oracle=self.oracle)
            yield struck


def season(folder: Path, postgres: PostgresServer | None, *, pool: int = 0) -> Seasoned:
    """Make one, with the oracle from a run in which nothing goes wrong.

    It knows what the workloads send, and pictures 1 to `pool` besides.
    """
    about = write_distribution(
        folder / "tiny", "zoo-tiny", version="1", plugins={tiny.NAME: "zoo.testing.tiny:plugin"}
    )
    url = postgres.migrated() if postgres else ""
    with _serving(folder, str(about), url) as first:
        first.asked.numbers = count(1000)  # names that nothing later has
        first.service.start()
        address = first.asked.new_collection({})
        first.asked.stranger.ended(first.asked.stranger.send(address, pictures(8, first=500)))
        code, _ = first.service.stop()
        assert code == 0, first.service.said()
    database = url.partition("?")[0].rpartition("/")[2]
    home = first.service.home
    seasoned = Seasoned(
        home=home, database=database, oracle={}, path=str(about), postgres=postgres
    )
    return Seasoned(
        home=home,
        database=database,
        oracle=_undisturbed(seasoned, folder / "oracle", pool=pool),
        path=str(about),
        postgres=postgres,
    )


def _undisturbed(seasoned: Seasoned, folder: Path, *, pool: int) -> Oracle:
    folder.mkdir()
    with seasoned.struck(folder) as struck:
        struck.service.start()
        for work in WORKLOADS:
            work(struck.asked)
        for first in range(1, pool + 1, 200):
            files = pictures(min(200, pool + 1 - first), first=first)
            url = struck.asked.new_collection(files)
            struck.asked.stranger.ended(struck.asked.stranger.send(url, files))
        settings, oracle = struck.checker.settings, {}
        for name in struck.asked.collections:
            oracle.update(vectors_of(struck.asked.stranger, name, settings))
        Checker(settings=settings, oracle=oracle).check(struck.asked)
        struck.end()
    return oracle


@contextmanager
def _serving(
    folder: Path, path: str, database_url: str, *, seasoned: Path | None = None, **settings: str
) -> Iterator[Struck]:
    root = folder / "root"
    root.mkdir()
    known = os.environ.get("PYTHONPATH", "")
    environ: Mapping[str, str] = {
        **QUICK,
        "PYTHONPATH": f"{path}:{known}",
        "ZOO_DATABASE_URL": database_url,
        "ZOO_ALLOWED_ROOTS": str(root),
        **settings,
    }
    with live_service(folder / "home", seasoned=seasoned, settings=environ) as service:
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{service.port}", timeout=TIMEOUT_S, trust_env=False
        )
        with closing(client):
            known_settings = _settings(environ, service.home)
            yield Struck(
                service=service,
                asked=Asked(stranger=Stranger(client), folder=root),
                checker=Checker(settings=known_settings, oracle={}),
            )


def _settings(environ: Mapping[str, str], home: Path) -> Settings:
    given = {key: value for key, value in environ.items() if key != "ZOO_FAULT"}
    return load_settings(given, home=home)


Strike = Callable[[Struck], None]
