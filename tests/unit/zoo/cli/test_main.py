import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
from typer.testing import CliRunner

import zoo
from zoo.cli.main import build_app
from zoo.fsck import Outcome

ROOT = Path(zoo.__file__).parent.parent


def zoo_command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zoo.cli", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("argument", ["version", "--version"])
def test_it_says_its_version(argument: str) -> None:
    assert CliRunner().invoke(build_app(), [argument]).output == "featurezoo 0.1.0\n"


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(build_app(), ["--help"]).output

    for name in (
        "up",
        "api",
        "keeper",
        "worker",
        "predictor",
        "migrate",
        "fsck",
        "doctor",
        "bench",
        "gc",
        "backup",
        "restore",
        "key",
        "version",
    ):
        assert f" {name} " in shown


def test_a_public_address_is_refused_in_one_sentence(tmp_path: Path) -> None:
    for command in ("up", "api"):
        ended = zoo_command(command, "--home", str(tmp_path / "home"), "--host", "0.0.0.0")

        assert ended.returncode == 2
        assert ended.stdout == ""
        assert ended.stderr == (
            "zoo: binding to 0.0.0.0 would let anybody on the network in: it needs an API key, "
            "and this home has none; bind to 127.0.0.1, or make a key with: "
            f"zoo key create --name NAME --scope submit --home {tmp_path / 'home'}\n"
        )
    assert not (tmp_path / "home").exists()


def test_a_setting_that_does_not_parse_is_named(tmp_path: Path) -> None:
    ended = zoo_command("keeper", "--home", str(tmp_path), ZOO_ATTEMPTS="many")

    assert ended.returncode == 2
    assert ended.stderr == "zoo: ZOO_ATTEMPTS is 'many'; it should be an int\n"


def test_starting_imports_no_web_framework_model_or_database_library() -> None:
    script = (
        "import sys; from zoo.cli.main import build_app; build_app();"
        "print({'torch','faiss','flask','celery','sqlalchemy','numpy'} & set(sys.modules))"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )

    assert ended.stdout == "set()\n"


def fake_fsck(monkeypatch: pytest.MonkeyPatch, problems: list[str]) -> None:
    module = types.ModuleType("zoo.fsck")
    monkeypatch.setattr(module, "check_home", lambda _settings: problems, raising=False)
    monkeypatch.setattr(module, "count_leftovers", lambda _settings: 0, raising=False)
    monkeypatch.setitem(sys.modules, "zoo.fsck", module)


def test_fsck_of_a_good_home_ends_with_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_fsck(monkeypatch, [])

    ended = CliRunner().invoke(build_app(), ["fsck", "--home", str(tmp_path)])

    assert ended.exit_code == 0
    assert ended.output == f"the home {tmp_path} is in order\n"


def test_fsck_says_each_problem_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_fsck(monkeypatch, ["segment a is missing", "pack b is damaged"])

    ended = CliRunner().invoke(build_app(), ["fsck", "--home", str(tmp_path)])

    assert ended.exit_code == 1
    assert ended.output == "segment a is missing\npack b is damaged\n"


def test_fsck_that_repairs_says_what_was_done_and_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = [
        Outcome(sentence="index a is missing", mended="forgotten, and made again when asked for"),
        Outcome(sentence="pack b is damaged", mended=""),
    ]
    module = types.ModuleType("zoo.fsck")
    monkeypatch.setattr(module, "repair_home", lambda _settings: outcomes, raising=False)
    monkeypatch.setitem(sys.modules, "zoo.fsck", module)

    ended = CliRunner().invoke(build_app(), ["fsck", "--repair", "--home", str(tmp_path)])

    assert ended.exit_code == 1
    assert ended.output == (
        "index a is missing\n  mended: forgotten, and made again when asked for\n"
        "pack b is damaged\n"
    )


def test_fsck_of_no_home_says_so(tmp_path: Path) -> None:
    ended = zoo_command("fsck", "--home", str(tmp_path / "none"))

    assert ended.returncode == 2
    assert ended.stderr == f"zoo: there is no home at {tmp_path / 'none'}; name one with --home\n"
