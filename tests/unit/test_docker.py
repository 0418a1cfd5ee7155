"""What can be read off `docker/` without Docker."""

import re
import tomllib
from dataclasses import fields

from tests.compose import FOLDER, entrypoint, read_services
from zoo import __version__
from zoo.settings import Settings
from zoo.supervisor.plan import MODULES

VALUES = {"ZOO_DB_PASSWORD": "d4tabas3", "ZOO_BROKER_PASSWORD": "qu3u3"}
DOCKERFILES = ("Dockerfile.cpu", "Dockerfile.gpu")


def read(name: str) -> str:
    return (FOLDER / name).read_text()


def test_only_settings_that_exist_are_set() -> None:
    known = {f"ZOO_{field.name.upper()}" for field in fields(Settings)}
    services = read_services(VALUES)
    given = {name for service in services.values() for name in service.environment}
    given |= {name for file in DOCKERFILES for name in re.findall(r"\b(ZOO_\w+)=", read(file))}
    assert {name for name in given if name.startswith("ZOO_")} <= known


def test_images_are_named_after_this_version() -> None:
    for file in (*DOCKERFILES, "compose.yaml", "compose.gpu.yaml"):
        assert set(re.findall(r"featurezoo:([\w.]+)-[cg]pu", read(file))) == {__version__}


def test_only_extras_that_exist_are_installed() -> None:
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text())["project"]
    for file, build in zip(DOCKERFILES, ("cpu", "gpu"), strict=True):
        asked = set(re.findall(r"--extra (\w+)", read(file)))
        assert asked == {build, "parquet", "postgres", "s3", "worker"}
        assert asked <= set(project["optional-dependencies"])


def test_no_password_is_an_argument() -> None:
    for service in read_services(VALUES).values():
        said = " ".join([*service.command, *service.health])
        assert not any(password in said for password in VALUES.values())


def test_every_process_has_its_own_health_check() -> None:
    services = read_services(VALUES)
    assert entrypoint() == ["zoo"]
    for name in MODULES:
        assert services[name].command[:2] == ["zoo", name]
        assert services[name].health == ["CMD", "zoo", "health", name]
