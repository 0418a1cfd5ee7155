import json

from typer.testing import CliRunner, Result

from tests.scripted import ScriptedService
from zoo.cli.main import build_app

JOB = {
    "id": "job_1",
    "type": "ingest",
    "state": "succeeded",
    "result": {"embedded": 1, "reused": 5, "failed": 0, "unchanged": 4, "removed": 2},
    "error": None,
    "created_at": "2026-11-21T12:00:00+00:00",
}
SEEN = {
    "files": 3,
    "bytes": 2_500_000,
    "unusable": 1,
    "by_ending": {".jpg": {"files": 2, "bytes": 2_000_000}, "": {"files": 1, "bytes": 500_000}},
    "disk_bytes": 100_000,
    "seconds": 7.2,
    "is_complete": False,
}


def zoo(service: ScriptedService, *arguments: str) -> Result:
    return CliRunner().invoke(build_app(), [*arguments, "--url", service.url])


def test_a_path_is_asked_for_as_a_path_and_a_url_as_a_url(service: ScriptedService) -> None:
    for _ in range(2):
        service.will_answer(JOB, status=202)

    shown = zoo(service, "ingest-source", "pets", "/srv/photos", "--copy").stdout
    ended = zoo(service, "ingest-source", "pets", "s3://bucket/photos", "--json")

    assert shown == "1 embedded, 5 reused, 0 failed, 4 unchanged, 2 removed\n"
    assert json.loads(ended.stdout) == {**JOB["result"], "jobs": [JOB]}  # type: ignore[dict-item]
    assert [request.path for request in service.requests] == ["/v1/collections/pets/items"] * 2
    assert [json.loads(request.body)["source"] for request in service.requests] == [
        {"path": "/srv/photos", "copy": True},
        {"url": "s3://bucket/photos", "copy": False},
    ]


def test_a_preview_is_told_and_nothing_is_taken_in(service: ScriptedService) -> None:
    service.will_answer(SEEN)
    shown = zoo(service, "ingest-source", "pets", "/srv/photos", "--preview").stdout
    assert "at least 3 files, 2.5 MB; 0.1 MB of disk and 7 s if all are new; 1 cannot be" in shown
    assert [request.path for request in service.requests] == ["/v1/sources/preview"]


def test_a_job_that_failed_says_why_and_ends_with_1(service: ScriptedService) -> None:
    error = {"code": "source_empty", "detail": "there is no file at /srv"}
    service.will_answer({**JOB, "state": "failed", "error": error, "result": None}, status=202)
    ended = zoo(service, "ingest-source", "pets", "/srv")
    assert (ended.exit_code, ended.stderr) == (1, "job job_1 failed: there is no file at /srv\n")
