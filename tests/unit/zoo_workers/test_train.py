import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from tests.pictures import picture
from tests.workplace import Workplace
from zoo.catalog import datasets, features, models
from zoo.catalog.records import JobRecord
from zoo.errors import InvalidError
from zoo.jobs.intake import submit_fine_tune
from zoo.jobs.ledger import cancel, give_back
from zoo.jobs.specs import FineTuneSpec
from zoo.jobs.strategies import Strategy, StrategyPlan, plan_to_json
from zoo.storage.segments import write_segment
from zoo.training.arranging import arrange
from zoo.training.heads import read_head
from zoo_workers import plan, shards, train, trials
from zoo_workers.registering import judged_digest
from zoo_workers.trials import Ground, Trials, try_all

SPACE = "5" * 64
NO_COPIES: Mapping[str, str] = MappingProxyType({})


@pytest.fixture
def dataset_id(place: Workplace) -> int:
    """A sealed dataset of twenty cats and twenty dogs that two numbers tell apart."""
    made = place.dataset()
    files = [(f"{n}.bmp", "cat" if n % 2 else "dog", picture(n, kind="BMP")) for n in range(40)]
    place.submit(made, place.deliver(files))
    place.work()
    return made


def embed(
    place: Workplace, dataset_id: int, *, dim: int = 2, copies: Mapping[str, str] = NO_COPIES
) -> None:
    """Give every example a vector that tells its label, and copies one that is almost the same."""
    catalog = place.context.catalog
    with catalog.read() as session:
        examples = datasets.list_examples(session, dataset_id, version=1)
    rng = np.random.default_rng(0)
    sides = np.zeros((len(examples), dim))
    sides[:, :2] = [[1.0, 0.0] if one.label == "cat" else [0.0, 1.0] for one in examples]
    vectors = (sides + 0.1 * rng.standard_normal(sides.shape)).astype(np.float32)
    places = {one.name: place for place, one in enumerate(examples)}
    for original, copy in copies.items():
        vectors[places[copy]] = vectors[places[original]] + 1e-4
    written = write_segment(place.context.blobs, vectors)
    with catalog.write() as session:
        features.add_space(session, SPACE, model="lite.tiny.in1k", dim=dim, description={})
        segment_id = features.add_segment(
            session, space_id=SPACE, key=written.key, sha256=written.sha256,
            n_rows=written.n_rows, dim=written.dim,
        )  # fmt: skip
        shas = [one.sha256 for one in examples]
        features.add_features(session, space_id=SPACE, segment_id=segment_id, contents=shas)


def submit(
    place: Workplace,
    dataset_id: int,
    *,
    dim: int = 2,
    compare: tuple[Strategy, ...] | None = None,
    plans: Sequence[object] = (),
) -> JobRecord:
    work: dict[str, Any] = {
        "dataset_id": dataset_id,
        "dataset_version": 1,
        "backbone": "lite.tiny.in1k",
        "model": "lite.tiny.in1k",
        "space_id": SPACE,
        "dim": dim,
        "weights_hash": "0" * 64,
        "is_random": False,
        "plans": list(plans),
    }
    spec = FineTuneSpec(dataset="pets", model="lite.tiny", name="mine", l2=1.0, compare=compare)
    with place.context.catalog.write() as session:
        return submit_fine_tune(session, spec, work=work)


def test_what_is_embedded_already_is_not_planned_again(place: Workplace, dataset_id: int) -> None:
    embed(place, dataset_id)
    job = submit(place, dataset_id)
    plan.run(place.context, place.claim())
    assert place.inputs(job) == []
    assert place.next_shard().kind == "train"


def test_what_lacks_an_embedding_is_given_to_embed_shards(
    place: Workplace, dataset_id: int
) -> None:
    job = submit(place, dataset_id)
    plan.run(place.context, place.claim())
    assert len(place.inputs(job)) == 40
    assert place.next_shard().kind == "embed"


def test_a_version_is_registered_with_its_figures_and_where_it_comes_from(
    place: Workplace, dataset_id: int
) -> None:
    embed(place, dataset_id)
    job = submit(place, dataset_id)
    place.work()

    result = place.job(job).result or {}
    assert result["version"] == "mine:1"
    assert result["metrics"]["accuracy"] == 1.0
    assert result["confusion_matrix"]["labels"] == ["cat", "dog"]
    with place.context.catalog.read() as session:
        version = models.get_version(session, "mine", 1)
        report = models.get_report(session, "mine", 1)
    assert version is not None
    assert report is not None
    assert report["metrics"] == version.metrics
    assert report["warnings"] == place.job(job).warnings
    assert report["warnings"][0].startswith("with 10 test examples the accuracy may be anything")
    assert report["calibration"]["temperature"] == result["temperature"]
    assert version.lineage["dataset_version"] == 1
    assert version.lineage["job_id"] == job.id
    assert read_head(place.context.blobs.local_path(version.blob_key)).labels == ("cat", "dog")
    assert json.dumps(dict(version.metrics)) == json.dumps(result["metrics"])


def test_an_attempt_that_is_repeated_registers_one_version(
    place: Workplace, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed(place, dataset_id)
    job = submit(place, dataset_id)
    shards.run(place.context, place.next_shard().id)
    first = place.claim()
    with place.context.catalog.write() as session:
        give_back(session, [first.shard])
    with monkeypatch.context() as patched:
        patched.setattr(shards, "claim", lambda *_, **__: first)
        shards.run(place.context, first.shard.id)  # a zombie: its claim was given back
    assert place.job(job).state == "running"

    shards.run(place.context, place.next_shard().id)

    assert (place.job(job).result or {})["version"] == "mine:1"
    with place.context.catalog.read() as session:
        [version] = models.list_versions(session, "mine", before=99, limit=9)
    # The zombie's file is another, which nobody names: it goes with the garbage.
    assert version.blob_key in place.context.blobs.keys("versions/")


def test_a_dataset_deleted_before_training_ends_the_job(place: Workplace, dataset_id: int) -> None:
    embed(place, dataset_id)
    job = submit(place, dataset_id)
    shards.run(place.context, place.next_shard().id)
    with place.context.catalog.write() as session:
        datasets.delete_dataset(session, "pets")
        other = datasets.create_dataset(session, "pets")
        labels = {"cat": 1}
        datasets.seal_version(session, other.id, job_id=None, digest="x", labels=labels)

    train_shard = place.next_shard()
    assert train_shard.kind == train.__name__.rpartition(".")[2]
    shards.run(place.context, train_shard.id)

    ended = place.job(job)
    assert ended.error_code == "dataset_deleted"
    assert ended.error_detail == "dataset 'pets' was deleted before training began"


def test_a_dataset_deleted_before_the_plan_ends_the_job(place: Workplace, dataset_id: int) -> None:
    embed(place, dataset_id)
    job = submit(place, dataset_id)
    with place.context.catalog.write() as session:
        datasets.delete_dataset(session, "pets")
    shards.run(place.context, place.next_shard().id)
    ended = place.job(job)
    assert (ended.state, ended.error_code) == ("failed", "dataset_deleted")
    assert ended.error_detail == "dataset 'pets' was deleted before the job was done with it"


def test_a_job_cancelled_while_its_head_is_fitted_registers_nothing(
    place: Workplace, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed(place, dataset_id)
    job = submit(place, dataset_id)
    shards.run(place.context, place.next_shard().id)

    def try_while_cancelled(ground: Ground) -> Trials:
        with place.context.catalog.write() as session:
            cancel(session, job.id)
        return try_all(ground)

    monkeypatch.setattr(train, "try_all", try_while_cancelled)
    shards.run(place.context, place.next_shard().id)

    assert place.job(job).state == "cancelled"
    with place.context.catalog.read() as session:
        assert models.list_versions(session, "mine", before=99, limit=9) == []


def test_a_strategy_that_diverges_spoils_no_comparison(
    place: Workplace, dataset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*_: object, **__: object) -> None:
        raise InvalidError("the loss is nan", code="training_diverged")

    monkeypatch.setattr(trials, "_tuned", diverge)
    embed(place, dataset_id)
    plans = [plan_to_json(StrategyPlan(strategy="full"))]
    job = submit(place, dataset_id, compare=("head_only", "full"), plans=plans)
    place.work()

    ended = place.job(job)
    assert (ended.result or {})["strategy_used"] == "head_only"
    assert "full was left out of the comparison: the loss is nan" in ended.warnings


def test_training_a_head_imports_no_torch() -> None:
    program = "import sys, zoo_workers.train; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_versions_that_were_judged_on_the_same_images_say_so() -> None:
    def digest(*judged: str, seen: str = "efgh", cats: str = "abef") -> str:
        sha256s = [*seen, *judged]
        arranged = arrange(
            ["cat" if one in cats else "dog" for one in sha256s],
            keys=sha256s,
            given_splits=["train"] * len(seen) + ["test"] * len(judged),
            seed=0,
        )
        return judged_digest([sha256s[place] for place in arranged.order], arranged)

    pair = digest("a", "c")
    assert pair == digest("c", "a", seen="efghi")
    assert pair != digest("b", "c")
    assert pair != digest("a", "c", "d")
    assert pair != digest("a", "c", cats="acef")


def test_copies_on_two_given_sides_count_for_the_stricter_one_and_are_told(
    place: Workplace,
) -> None:
    made = place.dataset()
    files = [(f"{n}.bmp", "cat" if n % 2 else "dog", picture(n, kind="BMP")) for n in range(80)]
    delivery = place.deliver(files)
    arrivals = [
        replace(one, split="test" if n % 4 > 1 else "train")
        for n, one in enumerate(delivery.arrivals)
    ]
    place.submit(made, replace(delivery, arrivals=arrivals))
    place.work()
    embed(place, made, dim=32, copies={"2.bmp": "4.bmp"})
    job = submit(place, made, dim=32)
    place.work()

    ended = place.job(job)
    assert (ended.result or {})["splits"] == {"train": 31, "validation": 8, "test": 41, "moved": 1}
    assert ended.warnings[0] == (
        "1 examples have the same bytes as one of a stricter split, or are near-duplicates of one "
        "(4.bmp), and were counted there, so that nothing leaks; give copies the same split, or "
        "set near_duplicates to 1 if they are none"
    )


def test_a_class_that_near_duplicates_take_from_training_says_how_to_have_it_back(
    place: Workplace,
) -> None:
    made = place.dataset()
    files = [(f"{n}.bmp", "dog" if n < 4 else "cat", picture(n, kind="BMP")) for n in range(80)]
    delivery = place.deliver(files)
    arrivals = [
        replace(one, split="test" if 4 <= n < 24 else "train")
        for n, one in enumerate(delivery.arrivals)
    ]
    place.submit(made, replace(delivery, arrivals=arrivals))
    place.work()
    embed(place, made, dim=32, copies={f"{n}.bmp": f"{n + 4}.bmp" for n in range(4)})
    job = submit(place, made, dim=32)
    place.work()

    ended = place.job(job)
    assert (ended.state, ended.error_code) == ("failed", "too_few_images")
    assert str(ended.error_detail).endswith(
        "; pictures that are nearly the same were counted as one, "
        "which near_duplicates 1 turns off"
    )
