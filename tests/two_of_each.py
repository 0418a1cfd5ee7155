"""Two APIs, two keepers and two workers on one home, each with connections of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from queue import SimpleQueue

from flask import Flask

from tests.history import Act, Answer, Call
from zoo.catalog import Catalog, jobs, open_catalog
from zoo.jobs.keeper import Keeper
from zoo.search.collection import Searches
from zoo.testing import tiny
from zoo.testing.pictures import picture
from zoo.testing.service import ZooService
from zoo_api.app import create_app
from zoo_workers.context import Context, make_context
from zoo_workers.shards import run

N_EACH = 2
MODEL = "pets"
CONTENTS = 3
"""Pictures that are sent again and again: what one worker forwards another waits for."""
POLL_S = 0.01
PATIENCE_S = 120.0


@dataclass(frozen=True, kw_only=True)
class TwoOfEach:
    """Where calls race."""

    zoo: ZooService
    apis: Sequence[Flask]
    faults: list[Exception]  # of keepers and workers

    def at_once(self, calls: Sequence[Call]) -> list[tuple[Call, Answer]]:
        """Make calls together, each API in turn getting one."""
        gate = threading.Barrier(len(calls))

        def make(number: int) -> tuple[Call, Answer]:
            gate.wait()
            return calls[number], self.ask(calls[number], api=number % N_EACH)

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(make, range(len(calls))))

    def ask(self, call: Call, *, api: int = 0) -> Answer:
        """Make one call."""
        method, path, more = REQUESTS[call.act](call)
        answer = self.apis[api].test_client().open(path, method=method, **more)
        return Answer(status=answer.status_code, body=answer.get_json(silent=True))

    def get(self, path: str) -> Answer:
        """Ask the other API than the one that a single call goes to."""
        answer = self.apis[1].test_client().get(path)
        return Answer(status=answer.status_code, body=answer.get_json(silent=True))

    def await_ends(self) -> None:
        """Wait until no job is under way."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with self.zoo.context.catalog.read() as session:
                left = jobs.live_jobs(session, "ingest")
            if not left:
                return
            assert time.monotonic() < deadline, left
            time.sleep(POLL_S)


def _send(call: Call) -> tuple[str, str, dict[str, object]]:
    content = picture(len(call.name) + call.version % CONTENTS)
    headers = {"Idempotency-Key": call.key} if call.key else {}
    more = {"data": content, "content_type": "image/jpeg", "headers": headers}
    return "POST", f"/v1/collections/{call.name}/items?name={call.version}.jpeg", more


def _alias(call: Call, more: str = "") -> str:
    return f"/v1/models/{MODEL}/aliases/{call.name}{more}"


REQUESTS: dict[Act, Callable[[Call], tuple[str, str, dict[str, object]]]] = {
    Act.CREATE: lambda call: (
        "PUT",
        f"/v1/collections/{call.name}",
        {"json": {"model": tiny.MODEL}},
    ),
    Act.DELETE: lambda call: ("DELETE", f"/v1/collections/{call.name}", {}),
    Act.SEND: _send,
    Act.CANCEL: lambda call: ("POST", f"/v1/jobs/{call.name}/cancel", {}),
    Act.MOVE: lambda call: ("PUT", _alias(call), {"json": {"version": call.version}}),
    Act.DROP: lambda call: ("DELETE", _alias(call), {}),
    Act.ROLL_BACK: lambda call: ("POST", _alias(call, "/rollback"), {}),
}


@contextmanager
def two_of_each(zoo: ZooService) -> Iterator[TwoOfEach]:
    """Have them work on a service's home until the block ends."""
    with ExitStack() as stack:

        def opened() -> Catalog:
            return stack.enter_context(closing(open_catalog(zoo.settings.resolved_database_url)))

        wakes: SimpleQueue[int | None] = SimpleQueue()
        faults: list[Exception] = []
        stop = threading.Event()
        threads = []
        for number in range(N_EACH):
            # Both ring for all that waits, as if each believed that it leads.
            keeper = Keeper(opened(), zoo.settings, ring=lambda shard_id, _: wakes.put(shard_id))
            context = stack.enter_context(_worker(zoo, number))
            threads.append(_thread(faults, keep, keeper, stop))
            threads.append(_thread(faults, work, context, wakes))
        try:
            yield TwoOfEach(
                zoo=zoo, apis=[_api(zoo, opened()) for _ in range(N_EACH)], faults=faults
            )
        finally:
            stop.set()
            for _ in range(N_EACH):
                wakes.put(None)
            for one in threads:
                one.join()


def keep(keeper: Keeper, stop: threading.Event) -> None:
    """Relay until told to stop."""
    while not stop.wait(POLL_S):
        keeper.relay()


def work(context: Context, wakes: SimpleQueue[int | None]) -> None:
    """Do shards until there is nothing more to wake for."""
    while (shard_id := wakes.get()) is not None:
        run(context, shard_id)


def _api(zoo: ZooService, catalog: Catalog) -> Flask:
    services = replace(
        zoo.services,
        catalog=catalog,
        searches=Searches(catalog, zoo.services.blobs),
        after_commit=lambda: None,
    )
    return create_app(zoo.settings, services=services)


@contextmanager
def _worker(zoo: ZooService, number: int) -> Iterator[Context]:
    context = make_context(zoo.settings, f"worker_{number}")
    try:
        yield context
    finally:
        context.sandbox.close()
        context.catalog.close()


def _thread(faults: list[Exception], act: Callable[..., None], *given: object) -> threading.Thread:
    def tell() -> None:
        try:
            act(*given)
        except Exception as error:  # noqa: BLE001  # raised where the machine ends
            faults.append(error)

    made = threading.Thread(target=tell)
    made.start()
    return made
