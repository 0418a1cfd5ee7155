"""The wheel by itself: built, installed into an empty environment, used from an empty folder."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LITE0, LiveService, RefusedError, eventually
from tests.pictures import picture
from zoo.testing.asking import data_uri

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
INSTALL_PATIENCE_S = 600
WHO = """
import importlib.metadata, json, sys, zoo
points = importlib.metadata.entry_points(group="pytest11")
print(json.dumps({"file": zoo.__file__, "path": sys.path, "pytest11": [p.value for p in points]}))
"""


class Environment:
    """A virtual environment with nothing in it but what is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.empty = folder / "empty"
        for made in (self.home, self.empty):
            made.mkdir()
        run_uv("venv", "--python", sys.executable, str(folder / "venv"))

    def install(self, requirement: str) -> None:
        run_uv("pip", "install", "--python", str(self.bin / "python"), requirement)

    @property
    def bin(self) -> Path:
        return self.folder / "venv" / "bin"

    @property
    def variables(self) -> dict[str, str]:
        """A stranger's: no settings, no path of ours, an empty home."""
        return {"HOME": str(self.home), "PATH": os.defpath, "LANG": "C.UTF-8"}

    def run(self, *command: str) -> str:
        ended = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.empty,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


class InstalledService(LiveService):
    """`zoo up` from such an environment, in an empty folder and with nothing set."""

    def __init__(self, installed: Environment) -> None:
        super().__init__(installed.home)
        self._installed = installed

    def start(self, *options: str) -> float:
        began = time.monotonic()
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [self._installed.bin / "zoo", "up", "--port", str(self.port), *options],
                cwd=self._installed.empty,
                env=self._installed.variables,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self.is_ready, what=self.said)
        return time.monotonic() - began

    def plugins(self) -> dict[str, tuple[str, str | None]]:
        rows = self.get("/v1/plugins")["data"]
        return {row["name"]: (row["state"], row["reason"]) for row in rows}


def run_uv(*arguments: str) -> None:
    uv = Path(sys.executable).parent / "uv"
    ended = subprocess.run(
        [uv, "--quiet", *arguments],
        cwd=ROOT,
        env={**os.environ, "UV_LINK_MODE": os.environ.get("UV_LINK_MODE", "hardlink")},
        capture_output=True,
        text=True,
        timeout=INSTALL_PATIENCE_S,
    )
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run_uv("build", "--wheel", "--out-dir", str(folder), str(ROOT))
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture
def installed() -> Iterator[Environment]:
    # Not in the system's temp folder: packages are linked from uv's cache, which is on this disk.
    state = ROOT / ".zoo"
    state.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="wheel-", dir=state))
    try:
        yield Environment(folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def service(installed: Environment) -> Iterator[InstalledService]:
    made = InstalledService(installed)
    try:
        yield made
    finally:
        made.end()


def test_the_wheel_brings_no_name_but_ours(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    [about] = [name for name in tops if name.endswith(".dist-info")]
    assert about.startswith("featurezoo-")
    assert all(name.startswith("zoo") for name in tops - {about})
    assert {"zoo", "zoo_api", "zoo_workers", "zoo_migrations", "zoo_lite"} <= tops


def test_without_extras_it_starts_and_says_what_is_missing(
    wheel: Path, installed: Environment, service: InstalledService
) -> None:
    installed.install(str(wheel))
    service.start()

    assert service.said().startswith(
        "torch is not installed, so no model can run; "
        "get it with: pip install 'featurezoo[worker]'\n"
        "faiss is not installed, so no collection can be searched; "
        "get it with: pip install 'featurezoo[cpu]'\n"
    )
    eventually(
        lambda: all(state != "pending" for state, _ in service.plugins().values()),
        what=service.said,
    )
    assert service.plugins()["timm"] == (
        "unavailable",
        "plugin 'timm' needs what is not installed: No module named 'timm'; pip install timm",
    )
    with pytest.raises(RefusedError) as refused:
        service.put("/v1/collections/photos", {"model": LITE0})
    assert (refused.value.status, refused.value.problem["code"]) == (503, "predictor_incomplete")
    assert refused.value.problem["detail"] == (
        "this process cannot build models: No module named 'torch'; "
        "pip install 'featurezoo[worker]'"
    )
    assert service.stop()[0] == 0


def test_with_all_extras_it_serves_from_an_empty_folder(
    wheel: Path, installed: Environment, service: InstalledService
) -> None:
    installed.install(f"featurezoo[all] @ {wheel.as_uri()}")
    who = json.loads(installed.run("python", "-c", WHO))
    assert Path(who["file"]).is_relative_to(installed.folder)
    ours = {ROOT, *(ROOT / name for name in ("api", "workers", "migrations", "plugins"))}
    assert not ours & {Path(place) for place in who["path"]}
    assert "zoo.testing.plugin" in who["pytest11"]

    service.start()
    assert "is not installed" not in service.said()
    url = "/v1/collections/photos"
    service.put(url, {"model": LITE0})
    files = [(f"{n}.jpg", picture(n, width=160, height=120)) for n in range(4)]
    job = service.finished(service.post_files(f"{url}/items", files))
    assert job["result"] == {"embedded": 4, "reused": 0, "failed": 0}
    [hit] = service.post(f"{url}/search", {"image": data_uri(files[2][1]), "k": 1})["hits"]
    assert service.get(f"{url}/items/{hit['item_id']}")["name"] == "2.jpg"
    [embedding] = service.post("/v1/embeddings", {"model": LITE0, "input": data_uri(files[2][1])})[
        "data"
    ]
    assert len(embedding["embedding"]) == 1280
    assert service.stop()[0] == 0
    assert list(installed.empty.iterdir()) == []
