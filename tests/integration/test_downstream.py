"""A project of somebody else, which imports nothing of ours but `zoo.testing` and the contract."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOWNSTREAM = Path(__file__).parents[1] / "downstream"
PUBLIC = ("zoo.testing.", "zoo.backbone", "zoo.errors")


@pytest.mark.slow
def test_a_downstream_project_passes_its_own_tests() -> None:
    # Named here too, for a checkout that has not been installed since it has this plugin.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "zoo.testing.plugin"]
    ended = subprocess.run(command, cwd=DOWNSTREAM, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
    assert re.search(r"\d\d passed", ended.stdout)


def test_it_uses_only_what_is_public() -> None:
    for path in DOWNSTREAM.rglob("*.py"):
        for module in re.findall(r"^(?:from|import) (zoo[\w.]*)", path.read_text(), re.M):
            assert module.startswith(PUBLIC), f"{path.name} imports {module}"
