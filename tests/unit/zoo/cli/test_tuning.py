import json

import pytest
from typer.testing import CliRunner, Result

from tests.scripted import ScriptedService
from zoo.cli.main import build_app

METRICS = {"accuracy": 0.8, "accuracy_interval": [0.58, 0.92], "n_test": 20, "ece": 0.05}
JOB = {
    "id": "job_1",
    "type": "fine_tune",
    "state": "succeeded",
    "result": {"version": "pets:2", "metrics": METRICS, "verdict": "full was taken"},
    "warnings": ["with 20 test examples it may be anything"],
    "error": None,
    "created_at": "2026-11-21T12:00:00+00:00",
}
REPORT = {
    "metrics": METRICS,
    "classes": [{"label": "[cat]", "support": 20, "precision": 0.8, "recall": 1.0, "f1": 0.889}],
    "warnings": [],
}


def zoo(service: ScriptedService, *arguments: str) -> Result:
    return CliRunner().invoke(build_app(), [*arguments, "--url", service.url])


def test_one_strategy_is_asked_for_and_several_are_compared(service: ScriptedService) -> None:
    ask = ("fine-tune", "pets", "--model", "lite.tiny")
    for _ in range(2):
        service.will_answer(JOB, status=202)

    shown = zoo(service, *ask, "--strategy", "full", "--set", "epochs=3", "--set", "name=cats")
    zoo(service, *ask, "--strategy", "full", "--strategy", "scratch")

    assert shown.stdout.splitlines() == [
        "pets:2  accuracy 0.800 (0.580 to 0.920) on 20 held-out examples",
        "  full was taken",
        "  warning: with 20 test examples it may be anything",
    ]
    alone, several = (json.loads(request.body)["spec"] for request in service.requests)
    fixed = {"dataset": "pets", "model": "lite.tiny"}
    assert alone == {**fixed, "name": "cats", "strategy": "full", "epochs": 3}
    assert several == {**fixed, "name": "pets", "compare": ["full", "scratch"]}


def test_without_waiting_the_job_is_named(service: ScriptedService) -> None:
    service.will_answer({**JOB, "state": "queued", "result": None}, status=202)
    ended = zoo(service, "fine-tune", "pets", "--model", "lite.tiny", "--no-wait")
    assert (ended.exit_code, ended.stdout) == (0, "job_1\n")


def test_a_job_that_failed_says_why_and_ends_with_1(service: ScriptedService) -> None:
    error = {"code": "training_diverged", "detail": "the loss is no number; try a smaller rate"}
    service.will_answer({**JOB, "state": "failed", "result": None, "error": error}, status=202)
    ended = zoo(service, "fine-tune", "pets", "--model", "lite.tiny")
    assert ended.exit_code == 1
    assert ended.stderr == "job job_1 failed: the loss is no number; try a smaller rate\n"


def test_a_setting_without_a_value_is_refused(service: ScriptedService) -> None:
    ended = zoo(service, "fine-tune", "pets", "--model", "lite.tiny", "--set", "epochs")
    assert ended.exit_code == 2
    assert "--set takes FIELD=VALUE" in ended.stderr
    assert service.requests == []


def test_versions_are_listed_with_what_they_were_made_of(service: ScriptedService) -> None:
    lineage = {"dataset": "pets", "dataset_version": 3, "strategy": "full"}
    row = {"name": "pets:2", "metrics": METRICS, "lineage": lineage}
    service.will_answer({"data": [row], "next_cursor": None})
    shown = zoo(service, "versions", "pets").stdout
    assert shown.split()[-4:] == ["pets:2", "0.800", "full", "pets:3"]


def test_a_report_is_told_label_by_label(service: ScriptedService) -> None:
    service.will_answer(REPORT)
    shown = zoo(service, "report", "pets:2").stdout
    assert "  ece 0.050\n" in shown
    assert shown.split()[-5:] == ["[cat]", "20", "0.800", "1.000", "0.889"]
    assert service.requests[0].path == "/v1/models/pets/versions/2/report"


def test_scores_that_a_label_cannot_have_are_left_open(service: ScriptedService) -> None:
    bare = {"label": "dog", "support": 0, "precision": None, "recall": None, "f1": None}
    service.will_answer({**REPORT, "classes": [bare]})
    shown = zoo(service, "report", "pets:2")
    assert (shown.exit_code, shown.stdout.split()[-2:]) == (0, ["dog", "0"])


@pytest.mark.parametrize("name", ["pets", "pets:\u00b2"])
def test_a_report_wants_a_version(service: ScriptedService, name: str) -> None:
    ended = zoo(service, "report", name)
    assert ended.exit_code == 2
    assert f"name a version, such as pets:1, not {name!r}" in ended.stderr


def test_a_setting_that_is_no_json_number_is_refused(service: ScriptedService) -> None:
    ended = zoo(service, "fine-tune", "pets", "--model", "lite.tiny", "--set", "rate=NaN")
    assert ended.exit_code == 2
    assert "--set takes JSON, which has no NaN" in ended.stderr
