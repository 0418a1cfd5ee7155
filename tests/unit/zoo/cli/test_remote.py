import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.scripted import ScriptedService
from zoo.cli.main import app, build_app

JOB = {
    "id": "job_1",
    "type": "ingest",
    "state": "succeeded",
    "progress": {"phase": "index", "completed": 2, "total": 2, "unit": "items", "eta_s": 0.0},
    "result": {"embedded": 1, "reused": 0, "failed": 1},
    "error": None,
    "created_at": "2026-11-21T12:00:00+00:00",
}
FAILED = {
    "name": "a.txt",
    "item_id": None,
    "state": "failed",
    "error": {"code": "not_an_image", "detail": "no picture that the zoo can read"},
}


def zoo(service: ScriptedService, *arguments: str) -> Result:
    result = CliRunner().invoke(build_app(), [*arguments, "--url", service.url])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_models_are_a_table_for_people_and_the_service_s_rows_for_programs(
    service: ScriptedService,
) -> None:
    weights = {"licence": "Apache-2.0", "preprocessing": {"input_size": [224, 224]}}
    row = {"name": "lite.efficientnet_lite0", "kind": "backbone", "weights": [weights]}
    for _ in range(2):
        service.will_answer({"object": "list", "data": [row], "next_cursor": None})

    shown = zoo(service, "models").stdout
    assert "lite.efficientnet_lite0  backbone  224 x 224  Apache-2.0" in shown
    assert json.loads(zoo(service, "models", "--json").stdout) == {"data": [row]}


def test_jobs_are_listed_with_their_state(service: ScriptedService) -> None:
    service.will_answer({"data": [JOB], "next_cursor": None})

    shown = zoo(service, "jobs", "--state", "succeeded").stdout

    assert "succeeded" in shown
    assert "2/2 items" in shown
    assert service.requests[0].path == "/v1/jobs?state=succeeded&limit=20"


def test_a_job_is_shown_with_the_files_that_it_could_not_use(service: ScriptedService) -> None:
    service.will_answer(JOB)
    service.will_answer({"data": [FAILED], "next_cursor": None})

    shown = zoo(service, "job", "job_1").stdout

    assert "not_an_image  a.txt: no picture that the zoo can read" in shown


def test_a_search_shows_names_and_scores(service: ScriptedService, tmp_path: Path) -> None:
    picture = tmp_path / "cat.jpg"
    picture.write_bytes(b"cat")
    hit = {"item_id": "item_1", "name": "tabby.jpg", "score": 0.98765, "metadata": {}}
    service.will_answer({"hits": [hit], "model": "lite.x", "took_ms": 3.0})

    shown = zoo(service, "search", "pets", str(picture), "-k", "3").stdout

    assert "0.9877  tabby.jpg  item_1" in shown


def test_a_name_moves_no_cursor(service: ScriptedService) -> None:
    hit = {"item_id": "item_1", "name": "a\x1b[2J[bold]\nb\x9b\u202e.png", "score": 1.0}
    service.will_answer({"hits": [hit], "model": "lite.a", "took_ms": 1.0})

    shown = zoo(service, "search", "notes", "--text", "policy").stdout

    assert "a\ufffd[2J[bold] b\ufffd\ufffd.png" in shown


def test_a_text_is_searched_for_as_json(service: ScriptedService) -> None:
    hit = {"item_id": "item_1", "name": "rates", "score": 0.5, "metadata": {}}
    service.will_answer({"hits": [hit], "model": "lite.x", "took_ms": 3.0})

    shown = zoo(service, "search", "notes", "--text", "monetary policy", "-k", "3").stdout

    assert "0.5000  rates  item_1" in shown
    assert json.loads(service.requests[0].body) == {"text": "monetary policy", "k": 3}


def test_a_search_takes_a_picture_or_a_text(service: ScriptedService) -> None:
    assert zoo(service, "search", "notes").exit_code == 2
    assert service.requests == []


def test_an_ingest_makes_the_collection_waits_and_counts(
    service: ScriptedService, tmp_path: Path
) -> None:
    (tmp_path / "cat.jpg").write_bytes(b"cat")
    service.will_answer({"name": "pets", "model": "lite.x", "items": 0}, status=201)
    service.will_answer({**JOB, "state": "queued"}, status=202)
    service.will_answer(JOB)
    service.will_answer({"data": [FAILED], "next_cursor": None})

    ended = zoo(service, "ingest", "pets", str(tmp_path), "--model", "lite.x", "--json")

    assert json.loads(ended.stdout) == {"embedded": 1, "reused": 0, "failed": 1, "jobs": [JOB]}
    assert ended.exit_code == 0


def test_an_ingest_that_failed_says_so_and_ends_with_1(
    service: ScriptedService, tmp_path: Path
) -> None:
    (tmp_path / "cat.jpg").write_bytes(b"cat")
    error = {"code": "no_item_succeeded", "detail": "none of the 1 files given could be used"}
    service.will_answer({**JOB, "state": "failed", "error": error, "result": None}, status=202)
    service.will_answer({"data": [], "next_cursor": None})

    ended = zoo(service, "ingest", "pets", str(tmp_path))

    assert ended.exit_code == 1
    assert ended.stderr == "job job_1 failed: none of the 1 files given could be used\n"


def test_what_the_service_refuses_is_one_sentence_and_ends_with_1(
    service: ScriptedService,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service.will_refuse(404, code="unknown_job", detail="no job 'job_2'; did you mean 'job_1'?")
    monkeypatch.setattr("sys.argv", ["zoo", "job", "job_2", "--json"])
    monkeypatch.setenv("ZOO_URL", service.url)

    with pytest.raises(SystemExit) as ended:
        app()

    assert ended.value.code == 1
    assert capsys.readouterr() == ("", "zoo: no job 'job_2'; did you mean 'job_1'?\n")


def test_the_key_is_the_option_s_or_the_environment_s(
    service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_KEY", "zoo_of_environment")
    for _ in range(2):
        service.will_answer({"data": [], "next_cursor": None})

    zoo(service, "jobs")
    zoo(service, "jobs", "--key", "zoo_of_option")

    assert [request.headers["authorization"] for request in service.requests] == [
        "Bearer zoo_of_environment",
        "Bearer zoo_of_option",
    ]


def test_a_service_that_asks_for_a_key_is_told_with_the_way_to_give_one(
    service: ScriptedService,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service.will_refuse(401, code="key_required", detail="this service asks for an API key")
    monkeypatch.setattr("sys.argv", ["zoo", "jobs"])
    monkeypatch.setenv("ZOO_URL", service.url)

    with pytest.raises(SystemExit):
        app()

    assert capsys.readouterr().err == (
        "zoo: this service asks for an API key; give one with --key or ZOO_KEY\n"
    )
