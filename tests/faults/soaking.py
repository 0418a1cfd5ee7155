"""Kills at random while strangers work: what a long time in production does to a service."""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count, cycle

import httpx
import psutil

from tests.faults.claims import held_by, taken_over
from tests.faults.stranger import Stranger
from tests.faults.tables import times_table
from tests.faults.topology import Struck
from tests.faults.victims import VICTIMS, find
from tests.faults.workloads import (
    N,
    Workload,
    extract_features,
    fine_tune,
    read_source,
    send_archive,
    send_files,
)
from tests.live import eventually, kill
from zoo.catalog.records import ShardRecord

STRANGERS = 2
POOL = 1000
"""Pictures that are sent, again once all were."""
SHORTEST_S, LONGEST_S = 0.3, 3.0
PATIENCE_S = 300.0
"""As long as the kills go on they hit the same work again: what needs torch is new each time."""
ALL = "everything"
OFTEN = 10
"""Who was looked for so many times was there once, or goes by another name now."""
WORK: Sequence[Workload] = (
    send_files,
    send_archive,
    read_source,
    send_files,
    extract_features,
    fine_tune,
)


@dataclass(frozen=True, kw_only=True)
class Kill:
    """One kill: of what, and how long the service was not ready after it."""

    victim: str
    after_s: float  # since the one before
    ready_s: float
    taken_over_s: Sequence[float] = ()  # until another process claimed each shard that it held


@dataclass(kw_only=True)
class Soak:
    """A service under work and kills; a seed strikes the same victims after the same times."""

    struck: Struck
    seed: int
    kills: list[Kill] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    retried: dict[str, str] = field(default_factory=dict)
    missed: Counter[str] = field(default_factory=Counter)  # victims that were not there

    def run(self, n_kills: int, *, until: float = float("inf")) -> None:
        """Strike `n_kills` times, or until an instant of the monotonic clock, then await all."""
        dice = random.Random(self.seed)
        stop = threading.Event()
        strangers = [self._stranger(number, stop) for number in range(STRANGERS)]
        for one in strangers:
            one.start()
        try:
            while len(self.kills) < n_kills and time.monotonic() < until and not self.faults:
                self._strike(dice)
        finally:
            stop.set()
            for one in strangers:
                one.join()
        if self.faults:
            raise self.faults[0]
        struck = {one.victim for one in self.kills}
        never = [name for name, n in self.missed.items() if n >= OFTEN and name not in struck]
        assert not never, f"never found, so never struck: {', '.join(never)}"

    def table(self) -> str:
        """What was struck, how soon the service was ready again and work went on, as Markdown."""
        ready = [(one.victim, [one.ready_s]) for one in self.kills]
        taken_over = [(one.victim, one.taken_over_s) for one in self.kills]
        return (
            f"{times_table('killed | times | ready after', ready)}\n\n"
            f"{times_table('held by | shards | taken over after', taken_over)}"
        )

    def summary(self) -> str:
        """How much was asked for meanwhile, in a sentence."""
        asked = self.struck.asked
        n_items = sum(len(given) for given in asked.collections.values())
        return (
            f"{len(self.kills)} kills with seed {self.seed} while {STRANGERS} strangers asked "
            f"for {len(asked.stranger.accepted)} jobs, {n_items} items and {len(asked.models)} "
            f"models: none lost, none doubled; {len(self.retried)} jobs were killed three times "
            "over and tried again."
        )

    def _strike(self, dice: random.Random) -> None:
        after_s = dice.uniform(SHORTEST_S, LONGEST_S)
        victim = dice.choice((*VICTIMS, ALL))
        choice = dice.random()
        time.sleep(after_s)
        held: Sequence[ShardRecord] = ()
        began = time.monotonic()
        if victim == ALL:
            self._start_anew()
        else:
            struck = self._choose(victim, choice)
            if struck is None:
                self.missed[victim] += 1
                return
            held = self._held_by(struck)
            began = time.monotonic()
            kill([struck])
        eventually(self.struck.service.is_ready, what=self.struck.service.said)
        ready_s = time.monotonic() - began
        taken_over_s = taken_over(self.struck.checker.settings, held, began=began)
        self.kills.append(
            Kill(victim=victim, after_s=after_s, ready_s=ready_s, taken_over_s=taken_over_s)
        )

    def _choose(self, victim: str, choice: float) -> psutil.Process | None:
        try:
            found = find(self.struck.service, victim)
        except psutil.NoSuchProcess:
            found = []
        return found[int(choice * len(found))] if found else None

    def _held_by(self, process: psutil.Process) -> Sequence[ShardRecord]:
        """What a process of the worker, or a child that dies with it, is doing."""
        try:
            pids = [process.pid, *(one.pid for one in process.children(recursive=True))]
        except psutil.NoSuchProcess:
            return ()
        return held_by(self.struck.checker.settings, pids)

    def _start_anew(self) -> None:
        service = self.struck.service
        family = service.family()
        assert service.process is not None
        service.process.kill()
        kill(family)
        service.process.wait(10)
        service.start()

    def _stranger(self, number: int, stop: threading.Event) -> threading.Thread:
        asked = replace(
            self.struck.asked,
            numbers=count(10_000 * (number + 1)),
            firsts=cycle(range(1 + number, POOL - N, N)),
        )
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.struck.service.port}", timeout=20, trust_env=False
        )
        asked.stranger = Stranger(client, patience_s=PATIENCE_S)
        asked.stranger.accepted = self.struck.asked.stranger.accepted
        # Chance kills the same shard three times now and then; the error says what to do.
        asked.stranger.retried = self.struck.asked.stranger.retried = self.retried

        def work() -> None:
            try:
                for work in _turning(WORK):
                    if stop.is_set():
                        return
                    work(asked)
            except Exception as error:  # noqa: BLE001  # told by the thread that strikes
                self.faults.append(error)
            finally:
                client.close()

        return threading.Thread(target=work, name=f"stranger-{number}")


def _turning(work: Sequence[Workload]) -> "list[Workload]":
    return [*work] * 10_000
