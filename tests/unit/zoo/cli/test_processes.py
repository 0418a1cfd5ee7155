import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from zoo.cli.main import build_app


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (["api", "--port", "9000"], "zoo_api"),
        (["keeper"], "zoo.jobs.serve"),
        (["worker", "--queue", "gpu"], "zoo_workers"),
        (["predictor"], "zoo.inference.serve"),
    ],
)
def test_a_single_process_takes_this_ones_place_with_its_settings_in_the_environment(
    arguments: list[str], module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    became: list[tuple[Sequence[str], Mapping[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda _path, argv, env: became.append((argv, env)))

    ended = CliRunner().invoke(build_app(), [*arguments, "--home", str(tmp_path)])

    assert ended.exit_code == 0, ended.output
    [(argv, environment)] = became
    assert argv[-2:] == ("-m", module)
    assert environment["ZOO_HOME"] == str(tmp_path)
    assert environment["ZOO_PORT"] == ("9000" if arguments[0] == "api" else "8700")
    assert environment.get("ZOO_QUEUE") == ("gpu" if arguments[0] == "worker" else None)
