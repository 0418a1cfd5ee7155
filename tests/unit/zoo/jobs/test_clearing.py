import pytest

from zoo.catalog import Catalog
from zoo.jobs.clearing import clear_deleted


@pytest.mark.usefixtures("left_over")
def test_what_a_killed_process_left_is_gone_on_with_for_as_long_as_there_is_time(
    catalog: Catalog,
) -> None:
    assert clear_deleted(catalog, most_s=0) == 0
    assert clear_deleted(catalog, most_s=60) == 4  # three items, and the collection
    assert clear_deleted(catalog, most_s=60) == 0
