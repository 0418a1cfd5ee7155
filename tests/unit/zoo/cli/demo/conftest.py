import pytest
from rich.console import Console


@pytest.fixture
def out() -> Console:
    return Console(highlight=False, width=120)
