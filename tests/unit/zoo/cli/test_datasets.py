import io
import json
import zipfile
from pathlib import Path

from typer.testing import CliRunner, Result

from tests.scripted import ScriptedService
from zoo.cli.main import build_app

JOB = {
    "id": "job_1",
    "type": "ingest",
    "state": "succeeded",
    "result": {"embedded": 0, "reused": 2, "failed": 0, "dataset_version": 3},
    "error": None,
    "created_at": "2026-11-21T12:00:00+00:00",
}
FINDINGS = {
    "dataset": "pets",
    "version": 3,
    "is_trainable": False,
    "findings": [
        {
            "code": "too_few_classes",
            "severity": "error",
            "detail": "the only label is 'cat'",
            "advice": "add another",
            "count": 1,
            "examples": ["cat"],
        }
    ],
}


def zoo(service: ScriptedService, *arguments: str) -> Result:
    return CliRunner().invoke(build_app(), [*arguments, "--url", service.url])


def test_a_folder_is_sent_as_one_archive_of_its_pictures_and_tables(
    service: ScriptedService, tmp_path: Path
) -> None:
    for name in ("cat/1.jpg", "dog/2.PNG", "labels.csv", "cat/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    service.will_answer({"name": "pets", "version": None})
    service.will_answer(JOB, status=202)

    shown = zoo(service, "dataset", "add", "pets", str(tmp_path)).stdout

    assert shown == "2 read, 0 failed; version 3 of pets\n"
    made, sent = service.requests
    assert (made.method, made.path) == ("PUT", "/v1/datasets/pets")
    assert sent.path == "/v1/datasets/pets/items"
    packed = sent.body[sent.body.index(b"PK") : sent.body.rindex(b"\r\n--")]
    names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
    assert names == ["cat/1.jpg", "dog/2.PNG", "labels.csv"]


def test_the_newest_version_is_checked_and_one_of_no_use_ends_with_1(
    service: ScriptedService,
) -> None:
    service.will_answer({"name": "pets", "version": 3})
    service.will_answer(FINDINGS)

    ended = zoo(service, "dataset", "check", "pets")

    assert ended.exit_code == 1
    assert ended.stdout.splitlines() == [
        "version 3 of pets: cannot be trained on",
        "  too_few_classes: the only label is 'cat'; add another",
    ]
    assert service.requests[-1].path == "/v1/datasets/pets/versions/3/validation"


def test_datasets_are_listed(service: ScriptedService) -> None:
    row = {"name": "pets", "version": 3, "kind": "image", "items": 2}
    for _ in range(2):
        service.will_answer({"data": [row], "next_cursor": None})
    assert zoo(service, "dataset", "list").stdout.split()[-4:] == ["pets", "3", "image", "2"]
    assert json.loads(zoo(service, "dataset", "list", "--json").stdout) == {"data": [row]}
