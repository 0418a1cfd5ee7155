"""`zoo plugin new`: what it makes, and what it refuses to make."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from zoo.cli.scaffold import weights, write_plugin
from zoo.errors import InvalidError

TEMPLATE = Path(__file__).parents[4] / "plugins" / "template"
WEIGHTS = "weights.safetensors"


def texts(folder: Path) -> dict[str, str]:
    """All files but the weights, by their place."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in files
        if path.name != WEIGHTS and "__pycache__" not in path.parts
    }


def test_the_template_is_what_the_command_makes_for_its_name(tmp_path: Path) -> None:
    made = write_plugin("template", tmp_path / "template")

    assert texts(made) == texts(TEMPLATE)
    place = Path("src/zoo_plugin_template") / WEIGHTS
    stored, again = load((TEMPLATE / place).read_bytes()), load((made / place).read_bytes())
    assert stored.keys() == again.keys() == weights().keys()
    for name, tensor in stored.items():
        np.testing.assert_allclose(again[name], tensor, atol=1e-6)


def test_a_dash_in_the_name_is_an_underscore_in_the_module(tmp_path: Path) -> None:
    made = write_plugin("my-nets_2", tmp_path / "x")
    files = texts(made)
    assert "src/zoo_plugin_my_nets_2/network.py" in files
    assert 'name = "zoo-plugin-my-nets-2"' in files["pyproject.toml"]
    assert 'my-nets_2 = "zoo_plugin_my_nets_2:plugin"' in files["pyproject.toml"]
    assert not [name for name, text in files.items() if "${" in text]


@pytest.mark.parametrize("name", ["", "Pets", "a b", "-pets", "pets_", "../pets", "é", "x" * 51])
def test_a_name_that_no_plugin_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidError, match="is not allowed; use up to 50 of a-z"):
        write_plugin(name, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_name_of_an_installed_plugin_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidError) as caught:
        write_plugin("lite", tmp_path / "lite")
    assert caught.value.detail == (
        "a plugin 'lite' is installed already, by featurezoo; choose another name"
    )


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "pets").mkdir()
    with pytest.raises(InvalidError, match="already; remove it or choose another name"):
        write_plugin("pets", tmp_path / "pets")
