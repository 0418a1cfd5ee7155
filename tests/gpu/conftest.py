"""These tests need an NVIDIA GPU: `python -m pytest tests/gpu`; nothing else collects them."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def a_gpu() -> None:
    """Fail at once, and say why, where there is none."""
    assert torch.cuda.is_available(), "tests/gpu needs a GPU that torch can use"
