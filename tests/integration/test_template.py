"""The template as a stranger uses it: installed with pip, checked, served, searched."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoo.testing.pictures import picture, pictures
from zoo.testing.plugin import MakeZooService
from zoo.testing.service import ZooService

TEMPLATE = Path(__file__).parents[2] / "plugins" / "template"
MODEL = "template.filters"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that pip installed the template into, on the path of us and our processes."""
    root = tmp_path_factory.mktemp("template")
    # A copy: setuptools builds inside of the source.
    source = shutil.copytree(TEMPLATE, root / "source")
    target = root / "target"
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *offline, "--target", target, source]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(target)
        patch.setenv("PYTHONPATH", str(target), prepend=":")
        yield target


@pytest.fixture(scope="module")
def zoo(installed: Path, make_zoo_service: MakeZooService) -> ZooService:
    assert installed.is_dir()
    service = make_zoo_service()
    service.refresh_plugins()
    return service


def test_it_is_listed_with_its_distribution(zoo: ZooService) -> None:
    row = zoo.plugins()["template"]
    assert (row["distribution"], row["version"]) == ("zoo-plugin-template", "0.1.0")
    assert (row["state"], row["reason"]) == ("ready", None)


def test_it_is_described_with_an_untrained_variant(zoo: ZooService) -> None:
    models = {row["name"]: row for row in zoo.rows("/v1/models?kind=backbone")}
    assert models["template.filters.v1"]["is_random"] is False
    assert models["template.filters.random"]["is_random"] is True
    detail = zoo.get(f"/v1/models/{MODEL}")["detail"]
    assert (detail["dim"], detail["blocks"]) == (192, ["stem", "mixing"])


def test_it_embeds_and_finds(zoo: ZooService) -> None:
    collection = zoo.collection(model=MODEL)
    job = zoo.ingest(collection, pictures(6))
    assert job["result"] == {"embedded": 6, "reused": 0, "failed": 0}
    hits = zoo.search(collection, picture(4), k=6)
    assert hits[0]["name"] == "p4.jpeg"
    assert hits[0]["score"] > 0.999 > hits[1]["score"] > hits[5]["score"]
    assert zoo.embed(MODEL, picture(4)).shape == (1, 192)


@pytest.mark.slow
def test_its_own_tests_pass_where_it_is_installed(installed: Path) -> None:
    folder = installed.parent / "source"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "zoo.testing.plugin", "--rootdir=."]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
    assert re.search(r"\b[1-9]\d+ passed", ended.stdout)


@pytest.mark.usefixtures("installed")
def test_the_command_checks_it_by_its_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "zoo.cli", "plugin", "check", "template", "--json"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    [report] = json.loads(ended.stdout)["data"]
    assert (ended.returncode, report["findings"]) == (0, [])
    assert report["models"] == ["template.filters.v1", "template.filters.random"]
