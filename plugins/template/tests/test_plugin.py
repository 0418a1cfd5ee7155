"""What this plugin promises, and that a whole service can use it."""

from zoo.testing.contract import PluginContract
from zoo.testing.pictures import picture, pictures
from zoo.testing.service import ZooService

MODEL = "template.filters.v1"


class TestContract(PluginContract):
    """Every promise of the plugin contract, on every model of the plugin."""

    plugin = "template"


def test_a_service_finds_a_picture_again(zoo_service: ZooService) -> None:
    """From files to hits, without any server."""
    collection = zoo_service.collection(model=MODEL)
    job = zoo_service.ingest(collection, pictures(5))
    assert job["result"] == {"embedded": 5, "reused": 0, "failed": 0}
    best = zoo_service.search(collection, picture(3), k=1)[0]
    assert best["name"] == "p3.jpeg"
