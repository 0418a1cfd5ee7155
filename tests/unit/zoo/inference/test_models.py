import threading

import pytest

from zoo.errors import PluginError
from zoo.inference.models import ModelCache
from zoo.settings import Settings


@pytest.fixture
def models(tmp_path) -> ModelCache:
    return ModelCache(Settings(home=tmp_path))


def test_a_model_is_loaded_once_however_many_ask(models, give, tiny, tiny_ref):
    loads = []
    together = threading.Barrier(8)
    found = []

    def load(request):
        loads.append(request)
        return tiny(head=True)

    def ask():
        together.wait()
        found.append(models.get(tiny_ref))

    give(load)
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(loads) == 1
    assert len(found) == 8
    assert all(model is found[0] for model in found)
    assert found[0].native_head.labels == ("red", "green")
    assert found[0].engine.name == "eager"


def test_a_model_that_failed_is_tried_again(models, give, tiny, tiny_ref):
    give(lambda _: 1 / 0)
    with pytest.raises(PluginError):
        models.get(tiny_ref)

    give(tiny())

    assert models.get(tiny_ref).detail.dim == 3


def test_lite0s_pickle_is_converted_once_in_the_home(models, lite0, tmp_path):
    model = models.get(lite0)

    assert model.detail.dim == 1280
    assert model.preprocessing.mean == (0.5, 0.5, 0.5)
    assert len(model.native_head.labels) == 1000
    assert [path.suffix for path in (tmp_path / "weights").iterdir()] == [".safetensors"]
