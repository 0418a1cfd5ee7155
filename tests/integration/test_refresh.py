"""A running service notices what is installed, mended and removed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.distributions import Installer, installing
from zoo.testing.asking import RefusedError
from zoo.testing.pictures import picture, pictures
from zoo.testing.plugin import MakeZooService
from zoo.testing.service import ZooService

RENAMED = """
    from dataclasses import replace
    class Renamed(Tiny):
        def describe(self):
            return [replace(card, architecture="hues") for card in super().describe()]
    plugin = Renamed()
"""


@pytest.fixture
def zoo(make_zoo_service: MakeZooService) -> ZooService:
    return make_zoo_service()


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Installer]:
    with installing(tmp_path) as install:
        yield install


def test_a_new_plugin_is_noticed_and_its_backbone_used(
    zoo: ZooService, install: Installer
) -> None:
    with pytest.raises(RefusedError):
        zoo.collection(model="newcomer.colours")
    install("newcomer")
    assert zoo.refresh_plugins()["newcomer"]["state"] == "ready"
    collection = zoo.collection(model="newcomer.colours")
    zoo.ingest(collection, pictures(3))
    assert zoo.search(collection, picture(1))[0]["name"] == "p1.jpeg"


def test_a_refresh_is_a_job_that_names_what_is_being_described(
    zoo: ZooService, install: Installer
) -> None:
    zoo.refresh_plugins()
    # What other tests' services have installed as objects cannot be described, and is asked again.
    known = zoo.post_json("/v1/plugins/refresh", {})["result"]["plugins"]
    install("newcomer")
    answer = zoo.client.post("/v1/plugins/refresh")
    job = answer.get_json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert (job["type"], job["state"]) == ("refresh", "succeeded")
    assert job["result"] == {"plugins": sorted(["newcomer", *known])}
    assert zoo.post_json("/v1/plugins/refresh", {})["result"] == {"plugins": known}


def test_a_mended_plugin_is_asked_again_and_a_new_version_too(
    zoo: ZooService, install: Installer
) -> None:
    install("mended", "raise ValueError('not yet')")
    assert zoo.refresh_plugins()["mended"]["state"] == "broken"
    install("mended")
    assert zoo.refresh_plugins()["mended"]["state"] == "ready"
    install("mended", RENAMED, version="1.1")
    assert zoo.refresh_plugins()["mended"]["version"] == "1.1"
    assert "mended.hues.v1" in zoo.models()
    assert "mended.colours.v1" not in zoo.models()


def test_a_named_plugin_is_described_anew_though_its_version_is_the_same(
    zoo: ZooService, install: Installer
) -> None:
    install("edited")
    zoo.refresh_plugins()
    install("edited", RENAMED)
    zoo.refresh_plugins()
    assert "edited.hues.v1" not in zoo.models()
    zoo.refresh_plugins("edited")
    assert "edited.hues.v1" in zoo.models()


def test_a_removed_plugin_is_forgotten(zoo: ZooService, tmp_path: Path) -> None:
    with installing(tmp_path) as install:
        install("passing")
        assert "passing" in zoo.refresh_plugins()
    assert "passing" not in zoo.refresh_plugins()
    assert "passing.colours.v1" not in zoo.models()


def test_a_plugin_that_is_not_installed_cannot_be_named(zoo: ZooService) -> None:
    job = zoo.job(zoo.post_json("/v1/plugins/refresh", {"plugins": ["lit"]})["id"])
    assert job["state"] == "failed"
    assert job["error"]["code"] == "unknown_plugin"
    assert job["error"]["detail"] == "no plugin 'lit'; did you mean 'lite'?"


def test_what_is_no_list_of_names_is_refused(zoo: ZooService) -> None:
    answer = zoo.client.post("/v1/plugins/refresh", json={"plugins": 3})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid")


def test_a_disabled_plugin_is_left_alone(
    make_zoo_service: MakeZooService, install: Installer
) -> None:
    install("asleep")
    zoo = make_zoo_service(disabled_plugins="asleep, lite, timm, torchvision, transformers")
    row = zoo.refresh_plugins()["asleep"]
    assert (row["state"], row["reason"]) == ("disabled", "ZOO_DISABLED_PLUGINS names it")
    with pytest.raises(RefusedError, match="plugin 'asleep' is disabled: ZOO_DISABLED_PLUGINS"):
        zoo.collection(model="asleep.colours")
    assert not [name for name in zoo.models() if name.startswith(("asleep.", "lite."))]
