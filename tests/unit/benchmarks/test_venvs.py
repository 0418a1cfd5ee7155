from importlib.metadata import version
from pathlib import Path

import pytest

from benchmarks.contest import venvs
from benchmarks.contest.venvs import RECIPES, STAMP, ensure, installed, same_versions, stamp_of


def test_rivals_forward_with_the_torch_that_is_here():
    assert f"torch=={version('torch')}" in same_versions()


def test_an_environment_that_is_there_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(venvs, "find_uv", lambda: ("false",))
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / STAMP).write_text(stamp_of(RECIPES["ray"]))

    assert ensure("ray", tmp_path) == tmp_path / "ray" / "bin" / "python"


def test_an_environment_that_cannot_be_made_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(venvs, "find_uv", lambda: ("false",))

    with pytest.raises(venvs.RivalUnavailableError, match="uv venv failed"):
        ensure("ray", tmp_path)


def test_what_was_not_installed_has_no_version(tmp_path: Path):
    assert installed("ray", tmp_path) == {}
