"""`docker/`: its files are sound, and what its compose file describes works as it stands."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.compose import FOLDER, Machine, machine, read_services
from tests.databases import PostgresServer
from tests.live import LITE0, Json, LiveService, environment, eventually, free_port
from tests.pictures import picture
from zoo.supervisor.broker import find_binary

pytestmark = pytest.mark.slow

VALUES = {"ZOO_DB_PASSWORD": "d4tabas3", "ZOO_BROKER_PASSWORD": "qu3u3"}
OURS = ("api", "keeper", "predictor", "worker")
HOME = "/var/lib/featurezoo"
FAST = {"ZOO_WORKER_PROCESSES": "1", "OMP_NUM_THREADS": "1"}
NO_COMPOSE = "docker compose is not installed; on Debian and Ubuntu: apt install docker-compose"


class KeyedService(LiveService):
    """An API that asks for a key."""

    key = ""

    def request(
        self, method: str, path: str, content: bytes | None = None, **headers: str
    ) -> tuple[int, Json, dict[str, str]]:
        return super().request(
            method, path, content, Authorization=f"Bearer {self.key}", **headers
        )


def compose() -> list[str]:
    """The command: Docker's plugin, else the program by itself."""
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "compose", "version"], capture_output=True)
        if asked.returncode == 0:
            return ["docker", "compose"]
    assert shutil.which("docker-compose"), NO_COMPOSE
    return ["docker-compose"]


def configured(*files: str, env_file: Path) -> subprocess.CompletedProcess[str]:
    named = [part for file in files for part in ("--file", str(FOLDER / file))]
    return subprocess.run(
        [*compose(), "--env-file", str(env_file), *named, "config", "--quiet"],
        env=environment(),
        capture_output=True,
        text=True,
    )


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """The example with both passwords set, as it asks for."""
    lines = (FOLDER / "example.env").read_text().splitlines()
    set_here = [f"{line}{VALUES.get(line.rstrip('='), '')}" for line in lines]
    (tmp_path / ".env").write_text("\n".join(set_here))
    return tmp_path / ".env"


@pytest.mark.parametrize("name", ["Dockerfile.cpu", "Dockerfile.gpu"])
def test_the_linter_has_nothing_to_say(name: str) -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    said = subprocess.run([hadolint, FOLDER / name], capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (0, "")


@pytest.mark.parametrize("files", [("compose.yaml",), ("compose.yaml", "compose.gpu.yaml")])
def test_compose_takes_the_files(files: tuple[str, ...], env_file: Path) -> None:
    done = configured(*files, env_file=env_file)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("missing", sorted(VALUES))
def test_no_password_is_made_up(missing: str, env_file: Path) -> None:
    env_file.write_text(env_file.read_text().replace(f"{missing}={VALUES[missing]}", ""))
    done = configured("compose.yaml", env_file=env_file)
    assert done.returncode != 0
    assert "set it in .env, see example.env" in done.stderr
    with pytest.raises(KeyError, match=missing):
        read_services({name: value for name, value in VALUES.items() if name != missing})


@pytest.fixture
def api(tmp_path: Path) -> KeyedService:
    return KeyedService(tmp_path / "home")


@pytest.fixture
def here(
    tmp_path: Path, postgres: PostgresServer, api: KeyedService, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Machine]:
    """This machine in the place of the containers', the database running already."""
    services = read_services(VALUES)
    user, name, password = (
        services["postgres"].environment[f"POSTGRES_{field}"]
        for field in ("USER", "DB", "PASSWORD")
    )
    postgres.lock_out(user, password=password)
    encoding = "ENCODING 'UTF8' LOCALE 'C'"
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE template0 {encoding} OWNER {user}")
    monkeypatch.setenv("PATH", f"{find_binary().parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "queue").mkdir()
    queue_port = free_port()
    places = {
        HOME: str(api.home),
        f"@postgres/{name}": f"@/{name}?host={quote(str(postgres.folder))}",
        "@valkey:6379": f"@127.0.0.1:{queue_port}",
        "port 6379": f"port {queue_port}",
        "dir /data": f"dir {tmp_path / 'queue'}",
        "predictor:8701": f"127.0.0.1:{free_port()}",
    }
    with machine(services, places=places, log=tmp_path / "home.log") as made:
        yield made


def ingested(api: KeyedService, numbers: range) -> Json:
    files = [(f"{n}.jpg", picture(n, width=160, height=120)) for n in numbers]
    return api.finished(api.post_files("/v1/collections/photos/items", files))["result"]


def test_the_services_of_the_file_work_together(here: Machine, api: KeyedService) -> None:
    here.start("valkey")
    migrated = here.run("migrate")
    assert (migrated.returncode, migrated.stdout) == (0, "the catalog is up to date\n")
    port = {"ZOO_PORT": str(api.port)}
    refused = here.run("api", **port)
    assert refused.returncode == 2
    assert "needs an API key, and this home has none" in refused.stderr
    made = here.run("migrate", "key", "create", "--name", "first", "--scope", "admin")
    assert made.returncode == 0, made.stderr
    api.key = made.stdout.strip()
    for name in ("keeper", "predictor", "worker"):
        here.start(name, **FAST)
    api.process = here.start("api", **port, **FAST)
    eventually(api.is_ready, what=lambda: f"{here.said()}\n{api.readiness()}")

    api.put("/v1/collections/photos", {"model": LITE0})
    assert ingested(api, range(6)) == {"embedded": 6, "reused": 0, "failed": 0}
    for name in OURS:
        well = here.check(name, **(port if name == "api" else {}))
        assert (well.returncode, well.stderr) == (0, "")

    for name in ("worker", "keeper", "valkey"):
        here.kill(name)
    ill = here.check("keeper")
    assert (ill.returncode, ill.stderr) == (1, "zoo: no keeper has led for 9 s\n")
    for name in ("valkey", "keeper", "worker"):
        here.start(name, **(FAST if name in OURS else {}))
    assert ingested(api, range(3, 9)) == {"embedded": 3, "reused": 3, "failed": 0}
    [row, *_] = api.get("/v1/collections/photos/items")["data"]
    hits = api.post("/v1/collections/photos/search", {"item_id": row["id"], "k": 20})["hits"]
    assert len(hits) == 12
    assert not any(password in here.said() for password in VALUES.values())
