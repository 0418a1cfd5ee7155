"""The pytest plugin costs nothing where it is not used."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[4]
PROBE = """
import sys, zoo.testing.plugin
print(*sorted(name for name in sys.modules if name.partition(".")[0].startswith("zoo")))
"""


def test_it_imports_nothing_else_of_ours_until_a_fixture_is_asked_for() -> None:
    asked = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True)
    assert asked.stdout.split() == ["zoo", "zoo.testing", "zoo.testing.plugin"]


def test_pytest_finds_it_under_its_module_s_name_so_that_naming_it_twice_is_fine() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"zoo.testing.plugin": "zoo.testing.plugin"}
