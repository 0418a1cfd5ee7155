import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "timm")


@pytest.mark.parametrize("module", ["zoo_workers.serve", "zoo.jobs.serve"])
def test_no_parent_process_imports_torch(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
