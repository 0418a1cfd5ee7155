import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from zoo import devices
from zoo.devices import cuda_devices, has_cuda_build
from zoo.errors import StartError
from zoo.settings import DeviceChoice, Settings

Nodes = Callable[..., Path]


@pytest.fixture
def nodes(tmp_path: Path) -> Nodes:
    """A /dev with the named nodes."""

    def make(*names: str) -> Path:
        for name in names:
            (tmp_path / name).touch()
        return tmp_path

    return make


@pytest.fixture
def cuda_build(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Has torch be, or not be, a build with CUDA."""
    return lambda is_one: monkeypatch.setattr(devices, "has_cuda_build", lambda: is_one)


def asked(choice: str) -> Settings:
    return Settings(home=Path("/srv/zoo"), device=DeviceChoice(choice))


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, ("0", "1")),
        ({"CUDA_VISIBLE_DEVICES": "1"}, ("1",)),
        ({"CUDA_VISIBLE_DEVICES": "GPU-8f1, GPU-c02"}, ("GPU-8f1", "GPU-c02")),
        ({"CUDA_VISIBLE_DEVICES": "1,-1,0"}, ("1",)),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, ()),
        ({"CUDA_VISIBLE_DEVICES": ""}, ()),
    ],
)
def test_gpus_are_told_by_their_nodes_and_by_what_cuda_is_shown(
    nodes: Nodes, cuda_build, environ, found
) -> None:
    cuda_build(True)
    folder = nodes("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm")

    assert cuda_devices(asked("auto"), environ=environ, folder=folder) == found


def test_a_machine_without_a_node_has_none_whatever_cuda_is_shown(nodes: Nodes, cuda_build):
    cuda_build(True)

    environ = {"CUDA_VISIBLE_DEVICES": "0"}
    assert cuda_devices(asked("auto"), environ=environ, folder=nodes("null")) == ()


def test_a_torch_without_cuda_forwards_on_the_cpu(nodes: Nodes, cuda_build) -> None:
    cuda_build(False)

    assert cuda_devices(asked("auto"), environ={}, folder=nodes("nvidia0")) == ()
    with pytest.raises(StartError) as caught:
        cuda_devices(asked("cuda"), environ={}, folder=nodes("nvidia0"))
    assert caught.value.detail == (
        "ZOO_DEVICE is 'cuda', and torch is not installed or was built without CUDA; "
        "get it with: pip install 'featurezoo[worker]'"
    )


def test_the_cpu_is_taken_on_request(nodes: Nodes, cuda_build) -> None:
    cuda_build(True)

    assert cuda_devices(asked("cpu"), environ={}, folder=nodes("nvidia0")) == ()


def test_a_gpu_that_is_asked_for_and_not_there_is_refused(nodes: Nodes, cuda_build) -> None:
    cuda_build(True)
    folder = nodes("null")

    with pytest.raises(StartError) as caught:
        cuda_devices(asked("cuda"), environ={}, folder=folder)

    assert caught.value.detail == (
        f"ZOO_DEVICE is 'cuda', and no GPU is to be seen here (no {folder}/nvidia0, or "
        "CUDA_VISIBLE_DEVICES hides it); it should be 'auto' or 'cpu'"
    )


def test_looking_for_gpus_imports_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from zoo.devices import cuda_devices; "
        "from zoo.settings import Settings; cuda_devices(Settings(home=Path('/'))); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_whether_torch_has_cuda_is_seen_in_its_folder(tmp_path: Path, monkeypatch) -> None:
    package = tmp_path / "torch"
    (package / "lib").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)

    assert not has_cuda_build()
    (package / "lib" / "libtorch_cuda.so").touch()
    assert has_cuda_build()
