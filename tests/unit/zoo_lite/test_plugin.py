import subprocess
import sys

import pytest

from zoo.backbone import LoadRequest, Plugin
from zoo.errors import NotFoundError
from zoo_lite import plugin


def no_checkpoint(path):
    raise AssertionError(f"nothing should read {path}")


def request(architecture: str, weights: str) -> LoadRequest:
    return LoadRequest(architecture=architecture, weights=weights, read_checkpoint=no_checkpoint)


def test_it_is_a_plugin_with_three_architectures():
    assert isinstance(plugin, Plugin)
    assert [card.architecture for card in plugin.describe()] == [
        "efficientnet_lite0",
        "efficientnet_lite1",
        "efficientnet_lite2",
    ]


def test_describing_imports_neither_torch_nor_timm():
    code = (
        "import sys, zoo_lite; list(zoo_lite.plugin.describe());"
        "sys.exit(bool({'torch', 'timm', 'torchvision'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_an_unknown_architecture_is_named_with_what_there_is():
    with pytest.raises(NotFoundError) as caught:
        plugin.load(request("efficientnet_lite9", "in1k"))

    assert str(caught.value) == (
        "no architecture 'efficientnet_lite9'; "
        "there are efficientnet_lite0, efficientnet_lite1, efficientnet_lite2"
    )


def test_unknown_weights_are_named_with_what_there_is():
    with pytest.raises(NotFoundError) as caught:
        plugin.load(request("efficientnet_lite0", "in21k"))

    assert str(caught.value) == (
        "efficientnet_lite0 has no weights 'in21k'; it has 'in1k' and 'random'"
    )
