"""Files by reference that change or go after their dataset was sealed, and training on it."""

from pathlib import Path

import pytest

from tests.pictures import striped
from zoo.testing import tiny
from zoo.testing.asking import Json
from zoo.testing.plugin import MakeZooService
from zoo.testing.service import ZooService

LABELS = ("level", "upright")
EACH = 20
ADVICE = "ingest their source again and train on the version that comes of it"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    for label in LABELS:
        (folder / label).mkdir(parents=True)
        for number in range(EACH):
            (folder / label / f"{number}.png").write_bytes(striped(label, number))
    return folder


@pytest.fixture
def zoo(root: Path, make_zoo_service: MakeZooService) -> ZooService:
    """A service with a dataset that reads its pictures where they are, embedded once."""
    made = make_zoo_service(allowed_roots=str(root))
    made.client.put("/v1/datasets/d", json={})
    made.post_json("/v1/datasets/d/items", {"source": {"path": str(root)}})
    assert trained(made)["state"] == "succeeded"
    return made


def trained(zoo: ZooService, **more: object) -> Json:
    spec = {"dataset": "d", "model": tiny.MODEL, "name": "m", **more}
    job = zoo.post_json("/v1/jobs", {"type": "fine_tune", "spec": spec})
    return zoo.get(f"/v1/jobs/{job['id']}")


def test_training_leaves_out_what_has_changed_or_gone_and_says_so(
    zoo: ZooService, root: Path
) -> None:
    for number in range(3):
        (root / "level" / f"{number}.png").unlink()
    (root / "upright" / "0.png").write_bytes(striped("upright", 99))

    job = trained(zoo, strategy="full", epochs=1, augmentation="none")

    assert job["state"] == "succeeded", job["error"]
    splits = job["result"]["splits"]
    assert splits["train"] + splits["validation"] + splits["test"] == 2 * EACH - 4
    [warning] = [one for one in job["warnings"] if ADVICE in one]
    assert warning.startswith("the pictures of 4 examples (")
    report = zoo.get("/v1/models/m/versions/2/report")
    assert warning in report["warnings"]
    assert sum(one["train"] for one in report["examples"]) == splits["train"]
    assert trained(zoo, strategy="full", epochs=1, augmentation="none")["state"] == "succeeded"


def test_a_head_is_fitted_to_embeddings_of_files_that_are_gone(
    zoo: ZooService, root: Path
) -> None:
    (root / "level" / "0.png").unlink()
    job = trained(zoo)
    assert sum(job["result"]["splits"].values()) == 2 * EACH
    assert not any(ADVICE in one for one in job["warnings"])


def test_training_for_which_too_little_is_left_ends_with_what_to_do(
    zoo: ZooService, root: Path
) -> None:
    for path in (root / "level").iterdir():
        path.unlink()

    job = trained(zoo, strategy="full", epochs=1)

    assert (job["state"], job["error"]["code"]) == ("failed", "too_few_images")
    assert job["error"]["detail"].startswith(
        "class 'level' is left with 0 distinct examples, and needs at least 2, as the pictures of "
        f"{EACH} examples ("
    )
    assert job["error"]["detail"].endswith(
        "bring the files back, or ingest their source again and train on the version that comes "
        "of it"
    )
    assert job["attempt"] == 1
