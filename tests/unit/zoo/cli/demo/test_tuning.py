import json

import pytest
from rich.console import Console

from tests.scripted import ScriptedService
from zoo.cli.demo import tuning
from zoo.cli.demo.digits import read_digits
from zoo.client import Client
from zoo.errors import InvalidError

JOB: dict[str, object] = {
    "id": "job_1",
    "type": "fine_tune",
    "state": "succeeded",
    "progress": {},
    "error": None,
}
METRICS = {"accuracy": 0.9, "accuracy_interval": [0.8, 0.95], "ece": 0.05, "n_test": 20}
RESULT = {
    "version": "digits:2",
    "metrics": METRICS,
    "confusion_matrix": {"labels": ["0", "1"], "counts": [[9, 1], [0, 10]]},
}


def test_a_dataset_of_an_earlier_run_is_kept(
    service: ScriptedService, out: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    service.will_answer({"name": "digits", "version": 1})

    with Client(service.url) as client:
        tuning.make_dataset(client, read_digits(), out)

    assert len(service.requests) == 1
    assert capsys.readouterr().out == "dataset digits has version 1 from an earlier run; kept\n"


def test_a_new_version_is_shown_with_its_figures_and_its_mistakes(
    service: ScriptedService, out: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    service.will_answer({**JOB, "result": RESULT}, status=202)
    service.will_answer({})

    with Client(service.url) as client:
        version = tuning.fine_tune(client, out)
        tuning.promote(client, version, out)

    shown = capsys.readouterr().out
    assert "accuracy 0.900 (95 %: 0.800 to 0.950), calibration error 0.050" in shown
    assert "0     9   1" in shown
    assert "digits@champion now names digits:2" in shown
    assert json.loads(service.requests[1].body) == {"version": 2}


def test_a_job_that_failed_ends_the_tour_with_its_reason(
    service: ScriptedService, out: Console
) -> None:
    error = {"code": "plugin_failed", "detail": "the plugin is broken"}
    service.will_answer({**JOB, "state": "failed", "error": error, "result": None}, status=202)

    with Client(service.url) as client, pytest.raises(InvalidError) as caught:
        tuning.fine_tune(client, out)

    assert caught.value.detail == "job job_1 failed: the plugin is broken"
