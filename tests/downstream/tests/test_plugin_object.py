"""A backbone that is only an object of the test: no distribution, no entry point."""

import pytest

from zoo.backbone import Backbone, Card, LoadRequest, NativeHead
from zoo.errors import InvalidError, PluginError
from zoo.testing.contract import PluginContract
from zoo.testing.pictures import coloured, picture, pictures
from zoo.testing.service import ZooService
from zoo.testing.tiny import TinyPlugin


class Renamed(TinyPlugin):
    """The tiny backbone whose labels are ours."""

    def load(self, request: LoadRequest) -> Backbone:
        built = super().load(request)
        if built.native_head is None:
            return built
        old = built.native_head
        head = NativeHead(matrix=old.matrix, bias=old.bias, labels=("cat", "dog", "owl"))
        return Backbone(towers=built.towers, dim=built.dim, native_head=head)


class Empty(TinyPlugin):
    def describe(self) -> list[Card]:
        return ["a card"]


class TestContract(PluginContract):
    plugin = Renamed()
    name = "renamed"


def test_an_object_is_a_plugin_like_any_other(zoo_service: ZooService) -> None:
    names = zoo_service.install_backbone(Renamed(), name="ours")
    assert names == ["ours.colours.random", "ours.colours.v1"]
    assert zoo_service.plugins()["ours"]["state"] == "ready"
    collection = zoo_service.collection(model="ours.colours")
    zoo_service.ingest(collection, pictures(3))
    assert zoo_service.search(collection, picture(1))[0]["name"] == "p1.jpeg"
    [labels] = zoo_service.classify("ours.colours", coloured((255, 0, 0)))
    assert labels[0]["label"] == "cat"


def test_an_object_is_gone_with_its_service(zoo_service: ZooService) -> None:
    assert "ours" not in zoo_service.plugins()
    zoo_service.install_backbone(Renamed(), name="ours")


def test_two_objects_cannot_have_one_name(zoo_service: ZooService) -> None:
    zoo_service.install_backbone(Renamed(), name="ours")
    with pytest.raises(InvalidError, match="another plugin object is installed as 'ours'"):
        zoo_service.install_backbone(Renamed(), name="ours")


def test_an_object_that_describes_nonsense_is_refused(zoo_service: ZooService) -> None:
    with pytest.raises(PluginError, match=r"each should be a zoo\.backbone\.Card"):
        zoo_service.install_backbone(Empty(), name="nonsense")
