"""A picture a request: the service against other servers of the same network.

    python benchmarks/online.py FOLDER [--requests 300] [--model NAME] [--rounds 3]

Each server runs by itself, in rounds in turn; 1, 8 and 32 clients send one JPEG at a time over
connections that they keep. CPU time is that of all the server's processes. What is printed is the
median of the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil

from benchmarks.contest import tables
from benchmarks.contest.clients import Load, NotServedError, Target, await_answer, press
from benchmarks.contest.model import NoModelError, prepare
from benchmarks.contest.pictures import NoPicturesError, gather, pack
from benchmarks.contest.running import ContestantError, environment, run
from benchmarks.contest.service import ServiceError, alone, free_port, serving
from benchmarks.contest.task import Task, family, write_task
from benchmarks.contest.venvs import RivalUnavailableError, ensure, installed
from zoo.inference.runtimes import ONNXRUNTIME, OPENVINO

CLIENTS = (1, 8, 32)
SERVICE = "service"
N_PICTURES = 100
WARM_UP = 32  # pictures ingested first, so that the model is exported
END_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Server:
    """Who takes part, how it is asked, and in whose environment it runs."""

    name: str
    title: str
    module: str = ""
    rival: str = ""
    path: str = "/"
    is_form: bool = False  # the picture comes as the file `image` of a form


SERVERS = (
    Server(name=SERVICE, title="**FeatureZoo**"),
    Server(
        name="litserve",
        title="LitServe",
        module="with_litserve",
        rival="litserve",
        path="/predict",
        is_form=True,
    ),
    Server(
        name="bentoml",
        title="BentoML",
        module="with_bentoml",
        rival="bentoml",
        path="/embed",
        is_form=True,
    ),
    Server(name="ray", title="Ray Serve", module="with_ray", rival="ray"),
)


def main() -> None:
    """Run the contest and print its table."""
    asked = parse(sys.argv[1:])
    print(tables.machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="zoo-online-") as name:
        try:
            task = set_up(asked, Path(name))
            floors, loads = contest(task, asked)
        except (NoPicturesError, NoModelError, ContestantError) as error:
            sys.exit(f"online.py: {error}")
    print(f"{task.model}, {asked.requests} requests, {asked.rounds} rounds\n")
    print(report(median(floors), loads))
    print(f"\n{tables.versions(installed(one.rival, asked.venvs) for one in SERVERS)}")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="embedding a picture a request, compared")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--model", default="lite.efficientnet_lite0")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--only", nargs="+", choices=[one.name for one in SERVERS])
    parser.add_argument("--venvs", type=Path, default=Path(".zoo/benchmarks"))
    parser.add_argument(
        "--engine",
        choices=(ONNXRUNTIME, OPENVINO),
        help="that the floor and the rivals forward with; by default the service's",
    )
    return parser.parse_args(arguments)


def set_up(asked: argparse.Namespace, root: Path) -> Task:
    """What all servers are given."""
    pictures, others = gather(asked.folder, sizes=(N_PICTURES, WARM_UP), into=root / "pictures")
    pack(others, root / "warm-up.zip")
    model = prepare(asked.model, pictures, folder=root / "model")
    return Task(
        model=model.name,
        folder=str(pictures.folder),
        names=pictures.names,
        network=str(model.network),
        graph=str(model.graph),
        engine=asked.engine or model.engine,
        preprocessing=model.preprocessing,
        transform=model.transform,
        vectors=str(root / "vectors.npy"),
        scratch=str(root),
        processes=len(os.sched_getaffinity(0)),
        warm_up=(str(root / "warm-up.zip"),),
    )


Loads = dict[str, dict[int, list[Load]]]  # by server, then by number of clients


def contest(task: Task, asked: argparse.Namespace) -> tuple[list[float], Loads]:
    """The floor's CPU-ms a picture, and every server's loads, round after round."""
    servers = [one for one in SERVERS if not asked.only or one.name in asked.only]
    floors: list[float] = []
    loads: Loads = {one.name: {n: [] for n in asked.clients} for one in servers}
    for number in range(asked.rounds):
        place = replace(task, scratch=f"{task.scratch}/bare-{number}")
        floors.append(run("benchmarks.extractors.bare", place, python=Path(sys.executable)).cpu_ms)
        print(f"decode and forward: {floors[-1]:.1f} CPU-ms", file=sys.stderr, flush=True)
        for server in [one for one in servers if one.name in loads]:
            place = replace(task, scratch=f"{task.scratch}/{server.name}-{number}")
            try:
                for load in measure(server, place, asked):
                    loads[server.name][load.clients].append(load)
            except (NotServedError, RivalUnavailableError, ServiceError) as error:
                print(f"{server.name} is left out: {error}", file=sys.stderr, flush=True)
                del loads[server.name]
    return floors, loads


def measure(server: Server, task: Task, asked: argparse.Namespace) -> Iterator[Load]:
    """One server's round."""
    pictures = [path.read_bytes() for path in task.paths]
    with started(server, task, asked.venvs) as (target, root):
        press(target, root, pictures, clients=4, requests=N_PICTURES)
        for clients in asked.clients:
            load = press(target, root, pictures, clients=clients, requests=asked.requests)
            print(f"{server.name}: {load}", file=sys.stderr, flush=True)
            yield load


@contextlib.contextmanager
def started(server: Server, task: Task, venvs: Path) -> Iterator[tuple[Target, psutil.Process]]:
    """A server that answers, and its first process; it is gone after the block."""
    with contextlib.ExitStack() as stack:
        if server.name == SERVICE:
            yield stack.enter_context(our_own(task))
        else:
            yield stack.enter_context(rival(server, task, ensure(server.rival, venvs.absolute())))


@contextlib.contextmanager
def our_own(task: Task) -> Iterator[tuple[Target, psutil.Process]]:
    """A service whose model is exported, as after its first ingest."""
    with serving(Path(task.scratch, "home"), settings=alone(task.model)) as service:
        service.ask("PUT", "/v1/collections/first", json={"model": task.model})
        job = service.ask(
            "POST",
            "/v1/collections/first/items",
            content=Path(task.warm_up[0]).read_bytes(),
            headers={"Content-Type": "application/zip"},
        )
        service.finished(job)
        path = f"/v1/embeddings?model={task.model}"
        target = Target(port=int(service.http.base_url.port or 0), path=path, is_form=False)
        yield target, service.root


@contextlib.contextmanager
def rival(server: Server, task: Task, python: Path) -> Iterator[tuple[Target, psutil.Process]]:
    """A rival's server."""
    scratch = Path(task.scratch)
    scratch.mkdir(parents=True)
    task = replace(task, port=free_port())
    write_task(task, scratch / "task.json")
    command = [
        str(python),
        "-m",
        f"benchmarks.servers.{server.module}",
        str(scratch / "task.json"),
    ]
    with (scratch / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=scratch, env=environment(), stdout=log, stderr=log, start_new_session=True
        )
    target = Target(port=task.port, path=server.path, is_form=server.is_form)
    root = psutil.Process(process.pid)
    try:
        await_answer(target, task.paths[0].read_bytes(), root, log=scratch / "log.txt")
        yield target, root
    finally:
        end(root)
        process.wait(END_S)


def end(root: psutil.Process) -> None:
    """End a process with all that it started, gently first."""
    members = family(root)
    root.send_signal(signal.SIGTERM)
    _, left = psutil.wait_procs(members, timeout=END_S / 2)
    for one in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


def report(floor: float, loads: Loads) -> str:
    """A row for each server and number of clients."""
    head = (
        "server",
        "clients",
        "CPU-ms/request",
        "of the floor",
        "p50",
        "p99",
        "p99/p50",
        "req/s",
    )
    titles = {one.name: one.title for one in SERVERS}
    rows = [
        (titles[name], str(clients), *figures(found, floor))
        for name, by_clients in loads.items()
        for clients, found in by_clients.items()
    ]
    bare = ("decode and forward alone", "", f"{floor:.1f}", "1.00", "", "", "", "")
    return tables.table(head, [*rows, bare])


def figures(found: Sequence[Load], floor: float) -> tuple[str, ...]:
    """The medians of the rounds."""
    cpu_ms = median(one.cpu_ms for one in found)
    p50, p99 = median(one.p50_ms for one in found), median(one.p99_ms for one in found)
    return (
        f"{cpu_ms:.1f}",
        f"{cpu_ms / floor:.2f}",
        f"{p50:.0f} ms",
        f"{p99:.0f} ms",
        f"{p99 / p50:.1f}",
        f"{median(one.rate for one in found):.0f}",
    )


if __name__ == "__main__":
    main()
