"""Calls that race on two APIs while two workers work: what all were answered can be true."""

from collections import Counter
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from tests.databases import TWINS
from tests.history import Act, Call, Truth, explain
from tests.two_of_each import MODEL, TwoOfEach, two_of_each
from zoo.fsck import check_home
from zoo.testing.pictures import labelled
from zoo.testing.plugin import MakeZooService

pytestmark = pytest.mark.slow

N_VERSIONS = 3
MOST_AT_ONCE = 4
SETTINGS = settings(
    max_examples=20,
    stateful_step_count=8,
    deadline=None,
    derandomize=True,
    database=None,
    # What happened once at a race may not happen again: it is told as it was.
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(params=TWINS)
def world(request: pytest.FixtureRequest, make_zoo_service: MakeZooService) -> Iterator[TwoOfEach]:
    """Two of each process, and a model with some versions."""
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    zoo = make_zoo_service(database_url=server.migrated() if server else "")
    dataset = zoo.dataset()
    zoo.add_labelled(dataset, labelled())
    for _ in range(N_VERSIONS):
        assert zoo.fine_tune(dataset, name=MODEL)["state"] == "succeeded"
    with two_of_each(zoo) as made:
        yield made


NAMES = st.sampled_from(["a", "b"])
VERSIONS = st.integers(1, N_VERSIONS)


class Racing(RuleBasedStateMachine):
    """Races with names that nobody used before, until all that was asked for has ended."""

    def __init__(self, world: TwoOfEach, numbers: Iterator[int]) -> None:
        super().__init__()
        self.world = world
        self.numbers = numbers
        self.prefix = f"r{next(numbers)}-"
        self.truths = [Truth()]
        self.stopped: set[str] = set()
        self.names: set[str] = set()
        self.aliases: set[str] = set()

    @initialize()
    def begin(self) -> None:
        """With a collection, so that there is something to lose."""
        self.race([(Act.CREATE, "a", 1, False)])

    @rule(
        acts=st.lists(
            st.tuples(st.sampled_from(Act), NAMES, VERSIONS, st.booleans()),
            min_size=1,
            max_size=MOST_AT_ONCE,
        )
    )
    def race(self, acts: list[tuple[Act, str, int, bool]]) -> None:
        """Some calls at the same moment."""
        calls = [call for act in acts for call in self.calls(*act)][:MOST_AT_ONCE]
        if not calls:
            return
        answered = self.world.at_once(calls)
        self.stopped |= {
            call.name
            for call, answer in answered
            if call.act == Act.CANCEL and answer.status == 202
        }
        left = explain(self.truths, answered)
        assert left, (self.truths, answered)
        self.truths = [truth for truth in left if self.is_seen(truth)]
        assert self.truths, (left, answered)

    @rule()
    def rest(self) -> None:
        """Let the workers come to an end."""
        self.world.await_ends()

    def calls(self, act: Act, name: str, version: int, is_twice: bool) -> list[Call]:
        """What an act is in this state; nothing where there is no job to cancel."""
        if act == Act.CANCEL:
            known = sorted({job_id for truth in self.truths for job_id in truth.jobs})
            return [Call(act=act, name=known[-version])] if len(known) >= version else []
        name = f"{self.prefix}{name}"
        if act == Act.SEND:
            number = next(self.numbers)
            key = f"key-{number}" if is_twice else ""
            return [Call(act=act, name=name, version=number, key=key)] * (1 + is_twice)
        self.names |= {name} if act in (Act.CREATE, Act.DELETE) else set()
        self.aliases |= {name} if act in (Act.MOVE, Act.DROP, Act.ROLL_BACK) else set()
        return [Call(act=act, name=name, version=version)]

    def is_seen(self, truth: Truth) -> bool:
        """Whether it is what is seen now that no call is under way."""
        return {name for name in self.names if self.is_there(name)} == set(
            truth.collections
        ) and all(self.moves(alias) == truth.moves(alias) for alias in self.aliases)

    def is_there(self, collection: str) -> bool:
        """Whether a collection is there."""
        return self.world.get(f"/v1/collections/{collection}").status == 200

    def moves(self, alias: str) -> list[tuple[int | None, int | None]]:
        """The moves of an alias; none of one that was never there."""
        history = self.world.get(f"/v1/models/{MODEL}/aliases/{alias}/history")
        if history.status == 404:
            return []
        return [(row["from_version"], row["to_version"]) for row in history.body["data"]]

    def teardown(self) -> None:
        """Every job has ended as it should, and its picture is there once, or not at all."""
        self.world.await_ends()
        faults = [faults_of(self.world, truth, self.stopped) for truth in self.truths]
        assert [] in faults, faults
        assert self.world.faults == []


def faults_of(world: TwoOfEach, truth: Truth, stopped: set[str]) -> list[object]:
    """What of jobs and items cannot be, if this is the truth."""
    found: list[object] = []
    wanted: dict[int, Counter[str]] = {number: Counter() for number in truth.collections.values()}
    for job_id, number in truth.jobs.items():
        job = world.get(f"/v1/jobs/{job_id}").body
        [given] = world.get(f"/v1/jobs/{job_id}/items").body["data"]
        is_there = number in wanted
        end = job["state"] if job["error"] is None else job["error"]["code"]
        may_be = {
            "succeeded",
            *(["cancelled"] if job_id in stopped else []),
            *([] if is_there else ["collection_deleted"]),
        }
        if end not in may_be:
            found.append(job)
        if is_there and given["state"] in ("embedded", "reused"):
            wanted[number][given["name"]] += 1
        if end == "succeeded" and given["state"] not in ("embedded", "reused"):
            found.append((job, given))
    for name, number in truth.collections.items():
        rows = world.get(f"/v1/collections/{name}/items?limit=1000").body["data"]
        if Counter(row["name"] for row in rows) != wanted[number]:
            found.append((name, rows, wanted[number]))
        found += [row for row in rows if not is_found(world, name, row["id"], len(rows))]
    return found


def is_found(world: TwoOfEach, name: str, item_id: str, n: int) -> bool:
    """Whether a search for an item finds it among all."""
    asked = {"item_id": item_id, "k": n}
    answer = world.apis[0].test_client().post(f"/v1/collections/{name}/search", json=asked)
    return answer.status_code == 200 and item_id in {
        hit["item_id"] for hit in answer.get_json()["hits"]
    }


def test_what_many_were_answered_at_once_can_be_true(world: TwoOfEach) -> None:
    numbers = count(1)
    run_state_machine_as_test(lambda: Racing(world, numbers), settings=SETTINGS)

    assert check_home(world.zoo.settings) == []
