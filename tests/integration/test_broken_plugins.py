"""Plugins that do everything wrong: each is listed with its reason, and hides no other."""

from collections.abc import Iterator

import pytest

from tests.distributions import installing
from zoo.testing.asking import Json, RefusedError
from zoo.testing.pictures import picture, pictures
from zoo.testing.plugin import MakeZooService
from zoo.testing.service import ZooService

LOAD = """
    class Odd(Tiny):
        def load(self, request):
            import dataclasses, torch
            built = super().load(request)
            tower = built.towers["image"]
            {change}
            return dataclasses.replace(built, towers={{"image": tower}})
    plugin = Odd()
"""
BROKEN = {
    "raises": "raise RuntimeError('boom')",
    "describes-wrong": "Tiny.describe = lambda self: 1 / 0; plugin = Tiny()",
    "hangs": "import time; time.sleep(1000)",
    "exits": "import os; os._exit(3)",
    "leaves": "raise SystemExit(0)",
    "aborts": "import os; os.abort()",
    "chatters": "import os\nwhile True: os.write(1, b'x' * 1_000_000)",
    "stranger": "plugin = object()",
    "boastful": (
        "from dataclasses import replace\n"
        "class Boastful(Tiny):\n"
        "    def describe(self):\n"
        "        [card] = super().describe()\n"
        "        return [replace(card, architecture='a' * 90 + str(n)) for n in range(300_000)]\n"
        "plugin = Boastful()\n"
    ),
}
REASONS = {
    "raises": "could not be imported: RuntimeError: boom",
    "describes-wrong": "could not describe itself: ZeroDivisionError: division by zero",
    "hangs": "took more than 6 s to describe itself",
    "exits": "ended its process (exit status 3) before it had described itself",
    "leaves": "could not be imported: SystemExit: 0",
    "aborts": "ended its process (signal SIGABRT) before it had described itself",
    "chatters": "File too large",
    "stranger": "is a object without describe() and load()",
    "boastful": "describe",
}
ODD = {
    "misshapen": "tower.module.add_module('last', torch.nn.Linear(96, 5))",
    "undefined": "tower.module.get_submodule('stem')[0].bias.data.fill_(float('nan'))",
    "explodes": "raise MemoryError('too big')",
    "quits": "raise SystemExit(1)",
}
SAID = {
    "misshapen": "gives (1, 5) from tower 'image' for one picture, not (1, 96)",
    "undefined": "gives numbers that are not finite from tower 'image'",
    "explodes": "could not be built: MemoryError: too big",
    "quits": "could not be built: SystemExit: 1",
}


@pytest.fixture(scope="module")
def zoo(
    make_zoo_service: MakeZooService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ZooService]:
    service = make_zoo_service(describe_timeout_s=6.0)
    with installing(tmp_path_factory.mktemp("plugins")) as install:
        for name, code in BROKEN.items():
            install(name, f"\n{code}")
        for name, change in ODD.items():
            install(name, LOAD.format(change=change))
        for distribution in ("first-twin", "second-twin"):
            install("twin", distribution=distribution)
        install("needy", "import a_module_of_nobody")
        install("healthy")
        service.refresh_plugins()
        yield service


@pytest.fixture
def listed(zoo: ZooService) -> dict[str, Json]:
    return zoo.plugins()


@pytest.mark.parametrize("name", BROKEN)
def test_a_plugin_that_cannot_describe_itself_is_listed_with_its_reason(
    listed: dict[str, Json], name: str
) -> None:
    assert listed[name]["state"] == "broken"
    assert listed[name]["reason"].startswith(f"plugin {name!r} ")
    assert REASONS[name] in listed[name]["reason"]


def test_a_name_that_two_distributions_give_is_broken_and_names_both(
    listed: dict[str, Json],
) -> None:
    assert listed["twin"]["state"] == "broken"
    assert listed["twin"]["reason"] == (
        "first-twin and second-twin both give a plugin named 'twin'; uninstall one"
    )


def test_a_missing_package_makes_a_plugin_unavailable_and_says_what_to_install(
    listed: dict[str, Json],
) -> None:
    assert listed["needy"]["state"] == "unavailable"
    assert listed["needy"]["reason"].endswith("pip install a_module_of_nobody")


@pytest.mark.parametrize("name", ODD)
def test_a_network_that_breaks_the_contract_is_refused_and_then_listed_with_its_reason(
    zoo: ZooService, name: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        zoo.collection(model=f"{name}.colours")
    assert caught.value.status == 422
    reason = f"model '{name}.colours.v1' {SAID[name]}"
    assert caught.value.problem["detail"] == reason
    assert (zoo.plugins()[name]["state"], zoo.plugins()[name]["reason"]) == ("broken", reason)


def test_the_others_are_listed_and_work(zoo: ZooService, listed: dict[str, Json]) -> None:
    assert {listed[name]["state"] for name in ("healthy", "lite", "tiny")} == {"ready"}
    assert {"healthy.colours.v1", "lite.efficientnet_lite0.in1k"} <= set(zoo.models())
    collection = zoo.collection(model="healthy.colours")
    zoo.ingest(collection, pictures(3))
    assert zoo.search(collection, picture(2))[0]["name"] == "p2.jpeg"


def test_a_model_of_a_broken_plugin_is_refused_with_the_plugin_s_reason(zoo: ZooService) -> None:
    with pytest.raises(RefusedError) as caught:
        zoo.collection(model="raises.anything")
    assert caught.value.problem["code"] == "plugin_failed"
    assert "RuntimeError: boom" in caught.value.problem["detail"]
