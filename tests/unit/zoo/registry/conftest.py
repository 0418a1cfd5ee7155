from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

WORKING = """
    from zoo.backbone import Card, Preprocessing, Weights

    PREPROCESSING = Preprocessing(
        input_size=(8, 8), resize=9, interpolation="bilinear", mean=(0, 0, 0), std=(1, 1, 1)
    )

    def weights(tag="w", preprocessing=PREPROCESSING):
        return Weights(
            tag=tag, preprocessing=preprocessing, licence="MIT", source_data="none"
        )

    class Working:
        def describe(self):
            return [Card(architecture="tiny", weights=(weights(),))]

        def load(self, request):
            raise NotImplementedError

    plugin = Working()
"""

Install = Callable[..., str]


@pytest.fixture
def install(tmp_path, monkeypatch) -> Install:
    """Installs a distribution with one plugin, for this process and those it starts."""

    def install(name: str, code: str, *, distribution: str | None = None, value: str = "") -> str:
        distribution = distribution or f"zoo-{name}"
        module = distribution.replace("-", "_")
        folder = tmp_path / distribution
        _write(folder / f"{module}.py", dedent(WORKING) + dedent(code))
        about = folder / f"{module}-1.2.dist-info"
        _write(about / "METADATA", f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        entry = value or f"{module}:plugin"
        _write(about / "entry_points.txt", f"[zoo.backbones]\n{name} = {entry}\n")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
        return name

    return install


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
