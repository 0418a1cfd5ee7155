"""`zoo plugin`: what it prints, and how it ends."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.distributions import installing
from tests.scripted import ScriptedService
from zoo.cli.main import build_app
from zoo.cli.scaffold import write_plugin

READY = {"name": "mine", "distribution": "zoo-mine", "version": "1", "state": "ready"}
BROKEN = {**READY, "name": "odd", "state": "broken", "reason": "plugin 'odd' took too long"}
JOB = {"id": "job_1", "type": "refresh", "state": "succeeded", "result": {"plugins": ["mine"]}}


def zoo(*arguments: str) -> Result:
    result = CliRunner().invoke(build_app(), ["plugin", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_the_list_says_why_a_plugin_does_not_work(service: ScriptedService) -> None:
    for _ in range(2):
        service.will_answer({"data": [READY, BROKEN], "next_cursor": None})

    shown = zoo("list", "--url", service.url).stdout
    assert "mine  ready  zoo-mine 1\n" in shown
    assert "odd  broken  zoo-mine 1\n  plugin 'odd' took too long\n" in shown
    rows = json.loads(zoo("list", "--json", "--url", service.url).stdout)
    assert rows == {"data": [READY, BROKEN]}


def test_a_refresh_waits_until_new_plugins_are_described_and_tries_one_model_of_each(
    service: ScriptedService,
) -> None:
    names = ["lite.a.w", "mine.a.random", "mine.a.w", "mine.b.w"]
    models = [{"name": name, "is_random": name.endswith("random")} for name in names]
    service.will_answer(JOB, status=202)
    service.will_answer({"data": [{**READY, "state": "pending"}], "next_cursor": None})
    service.will_answer({"data": [READY], "next_cursor": None})
    service.will_answer({"data": models, "next_cursor": None})
    service.will_refuse(422, code="plugin_failed", detail="model 'mine.a.w' cannot forward")
    service.will_answer({"data": [{**READY, "state": "broken"}], "next_cursor": None})

    shown = zoo("refresh", "mine", "--url", service.url)

    assert shown.exit_code == 0
    assert "mine  broken" in shown.stdout
    assert json.loads(service.requests[0].body) == {"plugins": ["mine"]}
    assert [asked.path for asked in service.requests][-2:] == [
        "/v1/models/mine.a.w",
        "/v1/plugins",
    ]


def test_a_refresh_that_failed_ends_with_1(service: ScriptedService) -> None:
    error = {"code": "unknown_plugin", "detail": "no plugin 'mine'"}
    service.will_answer({**JOB, "state": "failed", "error": error, "result": None}, status=202)

    ended = zoo("refresh", "mine", "--url", service.url)

    assert (ended.exit_code, ended.stderr) == (1, "job job_1 failed: no plugin 'mine'\n")


@pytest.mark.slow
def test_a_new_plugin_passes_the_check_as_it_is_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "zoo plugin check pets" in zoo("new", "pets").stdout

    ended = zoo("check", "pets")

    assert ended.stdout == (
        "plugin 'pets' keeps its promises; examined:\n  pets.filters.v1\n  pets.filters.random\n"
    )
    assert ended.exit_code == 0


@pytest.mark.slow
def test_each_broken_promise_is_a_line_and_the_command_ends_with_1(tmp_path: Path) -> None:
    folder = write_plugin("pets", tmp_path / "pets")
    for file, old, new in (
        ("plugin.py", 'licence="Apache-2.0"', 'licence=""'),
        ("network.py", 'blocks=("stem", "mixing")', 'blocks=("mixing", "stem")'),
    ):
        path = folder / "src" / "zoo_plugin_pets" / file
        path.write_text(path.read_text().replace(old, new))

    ended = zoo("check", str(folder))

    order = "lists block 'mixing' out of order; they run as stem, mixing"
    assert ended.stdout.splitlines() == [
        "broken: the card of pets.filters.v1 leaves out licence",
        f"broken: pets.filters.v1 {order}",
        f"broken: pets.filters.random {order}",
    ]
    assert ended.exit_code == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "sentence", "timeout"),
    [
        ("raise ValueError('boom')", "could not be imported: ValueError: boom", "300"),
        (
            "def crash(request):\n    import os; os.abort()\nplugin.load = crash",
            "ended the process that examined it (signal SIGABRT)",
            "300",
        ),
        (
            "def hang(request):\n    import time; time.sleep(1000)\nplugin.load = hang",
            "took more than 8 s to be examined",
            "8",
        ),
    ],
    ids=["raises", "crashes", "hangs"],
)
def test_a_plugin_that_takes_its_process_down_is_a_sentence_too(
    tmp_path: Path, code: str, sentence: str, timeout: str
) -> None:
    with installing(tmp_path) as install:
        install("wild", f"\n{code}")
        ended = zoo("check", "wild", "--timeout", timeout)
    assert ended.stdout.startswith(f"broken: plugin 'wild' {sentence}")
    assert ended.exit_code == 1


@pytest.mark.slow
def test_a_check_can_be_read_by_programs(tmp_path: Path) -> None:
    with installing(tmp_path) as install:
        install("heavy", "import torch")
        ended = zoo("check", "heavy", "--json", "--model", "heavy.colours.random")
    [report] = json.loads(ended.stdout)["data"]
    assert (report["plugin"], report["models"]) == ("heavy", ["heavy.colours.random"])
    [finding] = report["findings"]
    assert (finding["promise"], finding["is_warning"]) == ("light", True)
    assert ended.exit_code == 0


def test_what_is_neither_installed_nor_a_folder_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match="no plugin 'nothing' is installed, and there is no"):
        CliRunner().invoke(build_app(), ["plugin", "check", "nothing"], catch_exceptions=False)
