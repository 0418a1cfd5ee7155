"""Plugins that are really installed for a while: distributions of one module each."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from zoo.testing.distributions import write_distribution

TINY = """
    from zoo.testing.tiny import TinyPlugin as Tiny

    plugin = Tiny()
"""


@contextmanager
def installing(root: Path) -> Iterator["Installer"]:
    """Installs below a folder, for this process and those that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        yield Installer(root, patch)


class Installer:
    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._patch = patch

    def __call__(
        self, name: str, code: str = "", *, distribution: str = "", version: str = "1.0"
    ) -> str:
        """Install a copy of the tiny backbone that `code` then changes; again: another version."""
        distribution = distribution or f"its-{name}"
        module = f"{distribution}_plugin".replace("-", "_")
        folder = self._root / distribution
        is_new = not folder.exists()
        for old in folder.glob("*.dist-info/*"):
            old.unlink()
        for old in folder.glob("*.dist-info"):
            old.rmdir()
        write_distribution(
            folder, distribution, version=version, plugins={name: f"{module}:plugin"}
        )
        (folder / f"{module}.py").write_text(dedent(TINY) + dedent(code))
        if is_new:
            self._patch.syspath_prepend(folder)
            self._patch.setenv("PYTHONPATH", str(folder), prepend=":")
        return name
