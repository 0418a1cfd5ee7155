"""Training the network itself: from a dataset to a version that is a backbone of its own."""

import io
import threading
import time
from collections.abc import Iterable

import pytest
from PIL import Image

from tests.eager import EagerService, Json
from tests.pictures import encode, striped, zipped
from tests.stripes import FULL, files, spec_of
from zoo.backbone import RANDOM_WEIGHTS, Backbone, Card, LoadRequest
from zoo.catalog import models
from zoo.errors import PluginError
from zoo.testing import tiny
from zoo.testing.plugin import MakeZooService


def submit(service: EagerService, dataset: str, name: str, **more: object) -> Json:
    answer = service.client.post("/v1/jobs", json=spec_of(dataset, name, **more))
    assert answer.status_code == 202, answer.get_json()
    return answer.get_json()


@pytest.fixture(scope="module")
def stripes(service: EagerService) -> str:
    """A dataset of two labels that colours do not tell apart."""
    dataset = service.dataset()
    answer = service.client.post(
        f"/v1/datasets/{dataset}/items", data=zipped(files(40)), content_type="application/zip"
    )
    assert answer.get_json()["state"] == "succeeded"
    return dataset


@pytest.fixture(scope="module")
def tuned(service: EagerService, stripes: str) -> Json:
    """A job that trained all of the network."""
    return submit(service, stripes, service.fresh("tuned"), **FULL)


def test_a_network_is_trained_and_its_version_says_how(
    service: EagerService, tuned: Json, stripes: str
) -> None:
    assert tuned["state"] == "succeeded", tuned["error"]
    result = tuned["result"]
    assert (result["strategy"], result["strategy_used"]) == ("full", "full")
    assert result["verdict"].startswith("full beats the head alone on the validation side")
    assert [row["strategy"] for row in result["comparison"]] == ["head_only", "full"]
    name, _, number = result["version"].partition(":")
    version = service.get(f"/v1/models/{name}/versions/{number}")
    assert version["lineage"]["trained_blocks"] == ["stem", "body"]
    with service.context.catalog.read() as session:
        record = models.get_version(session, name, int(number))
    assert record is not None
    assert record.weights_key is not None
    assert record.detail is not None
    assert record.space_id == version["space_id"] != version["lineage"]["parent_weights_hash"]
    assert record.detail["weights_hash"] == version["lineage"]["weights_hash"]
    assert service.get(f"/v1/datasets/{stripes}")["version"] == 1
    card = service.get(f"/v1/models/{name}/versions/{number}/card")
    recipe, at_once = (card["training"][one] for one in ("recipe", "pictures_at_once"))
    asked = ("epochs", "rate", "augmentation", "optimizer", "weight_decay", "seed")
    assert [recipe[one] for one in asked] == [6, 0.02, "none", "adamw", 0.05, 0]
    assert at_once == recipe["batch_size"] == 16


def test_a_network_that_knows_test_pictures_of_its_own_training_is_told_of(
    service: EagerService, tuned: Json, stripes: str
) -> None:
    parent = tuned["result"]["version"]

    other = submit(service, stripes, service.fresh("known"), model=parent, seed=1)
    assert not [one for one in other["warnings"] if " was trained on " in one]
    given = service.dataset()
    rows = [f"{path},{path.partition('/')[0]},test" for path in files(20)]
    rows += [f"{path},{path.partition('/')[0]},train" for path in files(40).keys() - files(20)]
    table = "\n".join(["path,label,split", *rows]).encode()
    service.client.post(
        f"/v1/datasets/{given}/items",
        data=zipped({**files(40), "labels.csv": table}),
        content_type="application/zip",
    )
    job = submit(service, given, service.fresh("known"), model=parent)
    [warning] = [one for one in job["warnings"] if one.startswith(f"{parent} was trained on ")]
    name, _, number = job["result"]["version"].partition(":")
    report = service.get(f"/v1/models/{name}/versions/{number}/report")
    assert warning in report["warnings"]
    assert " test examples and on " in warning
    assert warning.endswith(
        "validation examples, which flatters the figures; give what it was trained on the split "
        "train, or take the dataset version, seed, splits and near_duplicates of its lineage"
    )


def brighter(png: bytes) -> bytes:
    """A picture saved again, one step brighter."""
    with Image.open(io.BytesIO(png)) as image:
        return encode(image.point(lambda level: min(255, level + 1)), "PNG")


def test_copies_of_what_a_network_was_trained_on_judge_only_where_given_and_that_is_told(
    service: EagerService, tuned: Json
) -> None:
    parent = tuned["result"]["version"]
    copies = {f"copies/{path}": brighter(png) for path, png in files(40).items()}
    new = {
        f"new/{path}": striped(path.split("/")[0], 100 + at) for at, path in enumerate(files(9))
    }
    given = [path for path in copies if path[-5] in "024"]
    rows = [f"{path},{path.split('/')[1]},test" for path in given]
    rows += [f"{path},{path.split('/')[1]}," for path in {**new, **copies} if path not in given]
    dataset = service.dataset()
    table = "\n".join(["path,label,split", *rows]).encode()
    service.client.post(
        f"/v1/datasets/{dataset}/items",
        data=zipped({**new, **copies, "labels.csv": table}),
        content_type="application/zip",
    )
    job = submit(service, dataset, service.fresh("copies"), model=parent)
    [warning] = [one for one in job["warnings"] if " was trained on near-duplicates " in one]
    assert warning.startswith(f"{parent} was trained on near-duplicates of ")
    assert f" of the {len(given)} test examples and of 0 of the " in warning
    assert warning.endswith(
        "validation examples, which flatters the figures; give them the split train, or set "
        "near_duplicates to 1 if they are none"
    )


def test_every_epoch_is_told_with_its_figures(service: EagerService, tuned: Json) -> None:
    rows = service.rows(f"/v1/jobs/{tuned['id']}/metrics")
    assert [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))
    assert {row["strategy"] for row in rows} == {"full"}
    for row in rows:
        assert row["train_loss"] > 0
        assert 0 <= row["validation_accuracy"] <= 1
        assert row["frozen_blocks"] == []
    page = service.get(f"/v1/jobs/{tuned['id']}/metrics?limit=2")
    rest = service.get(f"/v1/jobs/{tuned['id']}/metrics?cursor={page['next_cursor']}")
    assert [*page["data"], *rest["data"]] == rows
    assert tuned["progress"]["unit"] == "steps"
    assert tuned["progress"]["eta_s"] == 0.0
    first = service.rows(f"/v1/jobs/{tuned['id']}/metrics?of=step")[0]
    assert (first["completed"], first["eta_s"]) == (1, None)  # which reads pictures as well


def test_what_training_kept_on_the_way_is_gone(service: EagerService, tuned: Json) -> None:
    assert tuned["state"] == "succeeded"
    assert list(service.context.blobs.keys("checkpoints/")) == []


def test_several_strategies_are_compared_on_the_same_pictures(
    service: EagerService, stripes: str
) -> None:
    name = service.fresh("compared")
    job = submit(
        service,
        stripes,
        name,
        compare=["scratch", "last_blocks"],
        blocks=1,
        epochs=2,
        augmentation="none",
    )
    result = job["result"]
    rows = {row["strategy"]: row for row in result["comparison"]}
    assert list(rows) == ["head_only", "last_blocks", "scratch"]
    assert len({row["trained_parameters"] for row in rows.values()}) == 3
    for row in rows.values():
        low, high = row["accuracy_interval"]
        assert low <= row["accuracy"] <= high
        assert row["cpu_s"] > 0
    assert result["strategy"] == "compare"
    assert result["strategy_used"] in rows
    assert result["verdict"].count("pre-training") + result["verdict"].count("negative") >= 1
    assert len(service.rows(f"/v1/models/{name}/versions")) == 1


def test_what_was_trained_from_scratch_comes_from_random_weights(
    service: EagerService, stripes: str
) -> None:
    name = service.fresh("scratch")
    job = submit(service, stripes, name, **{**FULL, "strategy": "scratch"})
    assert job["result"]["strategy_used"] == "scratch", job["result"]["verdict"]

    chain = service.get(f"/v1/models/{name}/versions/1/lineage")["chain"]
    assert [one["name"] for one in chain] == [f"{name}:1", f"tiny.colours.{RANDOM_WEIGHTS}"]
    assert chain[0]["version"]["lineage"]["parent_weights_hash"] is None
    card = service.get(f"/v1/models/{name}/versions/1/card")
    assert card["base_weights"]["is_random"]


def test_a_network_that_does_no_better_leaves_the_head_and_says_so(
    service: EagerService, stripes: str
) -> None:
    job = submit(service, stripes, service.fresh("worse"), **{**FULL, "rate": 1e-9, "epochs": 1})
    result = job["result"]
    assert (result["strategy"], result["strategy_used"]) == ("full", "head_only")
    assert result["verdict"] in job["warnings"]
    assert result["verdict"].startswith("full does not beat the head alone on the validation side")


def test_statistics_that_were_to_move_and_had_single_pictures_are_told_of(
    service: EagerService, stripes: str
) -> None:
    single = {"bn": "train", "batch_size": 1, "epochs": 1}
    job = submit(service, stripes, service.fresh("single"), **{**FULL, **single})
    assert job["state"] == "succeeded", job["error"]
    assert "the batch statistics of full stayed as they were" in " ".join(job["warnings"])


def test_without_a_picture_to_judge_by_no_network_is_trained(
    service: EagerService, stripes: str
) -> None:
    shares = {"train": 0.8, "validation": 0.0, "test": 0.2}
    job = submit(service, stripes, "unjudged", strategy="last_blocks", splits=shares)

    assert job["result"]["strategy_used"] == "head_only"
    assert any("no validation picture to judge last_blocks" in one for one in job["warnings"])
    assert service.get(f"/v1/jobs/{job['id']}/metrics")["data"] == []


def test_a_job_is_cancelled_within_a_step_and_registers_nothing(
    service: EagerService, stripes: str
) -> None:
    name = service.fresh("cancelled")
    with service.held():
        job = submit(service, stripes, name, **{**FULL, "epochs": 1000, "patience": 1000})
    working = threading.Thread(target=service.relay)
    working.start()
    while not service.rows(f"/v1/jobs/{job['id']}/metrics"):
        assert working.is_alive()
        time.sleep(0.05)
    answer = service.client.post(f"/v1/jobs/{job['id']}/cancel")
    assert answer.status_code == 202
    working.join(timeout=30)
    assert service.get(f"/v1/jobs/{job['id']}")["state"] == "cancelled"
    assert service.client.get(f"/v1/models/{name}").status_code == 404
    assert list(service.context.blobs.keys("checkpoints/")) == []


def test_what_a_backbone_cannot_be_trained_by_is_refused_before_any_job(
    service: EagerService, stripes: str
) -> None:
    cases = [
        ({"strategy": "last_blocks", "until": "stam"}, "unknown_block", ["stem"]),
        ({"strategy": "last_blocks", "blocks": 3}, "invalid", None),
        ({"strategy": "full", "model": f"{tiny.MODEL}:bf16"}, "impossible_strategy", None),
        ({"strategy": "full", "compare": ["full", "scratch"]}, "invalid", None),
        ({"strategy": "best"}, "invalid", None),
        ({"strategy": "full", "epochs": 0}, "invalid", None),
        ({"strategy": "full", "bn": "thawed"}, "invalid", None),
        ({"strategy": "full", "clip": 10**400}, "invalid", None),
        ({"l2": 10**400}, "invalid", None),
    ]
    before = service.get("/v1/jobs?limit=1")["data"]
    for change, code, near in cases:
        answer = service.client.post("/v1/jobs", json=spec_of(stripes, "x", **change))
        assert (answer.status_code, answer.get_json()["code"]) == (422, code), change
        assert answer.get_json().get("nearest") == near
    assert service.get("/v1/jobs?limit=1")["data"] == before


class NoBeginnings:
    """The tiny backbone, with its own weights alone."""

    def describe(self) -> Iterable[Card]:
        return tiny.plugin.describe()

    def load(self, request: LoadRequest) -> Backbone:
        if request.weights == RANDOM_WEIGHTS:
            raise PluginError("its publisher gave no code to make one", plugin="grown")
        return tiny.plugin.load(request)


def test_what_cannot_be_built_with_random_weights_is_not_trained_from_scratch(
    make_zoo_service: MakeZooService,
) -> None:
    zoo = make_zoo_service()
    zoo.install_backbone(NoBeginnings(), name="grown")
    dataset = zoo.dataset()
    zoo.add_labelled(dataset, files(2))
    model = f"grown.{tiny.ARCHITECTURE}.{tiny.TAG}"
    for choice in ({"strategy": "scratch"}, {"compare": ["full", "scratch"]}):
        answer = zoo.client.post("/v1/jobs", json=spec_of(dataset, "x", model=model, **choice))
        assert (answer.status_code, answer.get_json()["code"]) == (422, "impossible_strategy")
        assert answer.get_json()["detail"] == (
            f"{model} cannot be trained by 'scratch', as it cannot be built with random weights: "
            "its publisher gave no code to make one; head_only, last_blocks, full, gradual can be "
            "had"
        )


def test_random_weights_are_allowed_and_warned_of(service: EagerService, stripes: str) -> None:
    model = f"{tiny.NAME}.{tiny.ARCHITECTURE}.random"
    job = submit(service, stripes, service.fresh("random"), model=model)
    assert job["state"] == "succeeded", job["error"]
    assert any("the backbone has random weights" in one for one in job["warnings"])
