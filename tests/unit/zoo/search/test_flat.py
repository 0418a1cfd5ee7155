from pathlib import Path

import numpy as np
import pytest

from tests.stock import random_vectors
from zoo.errors import DamagedError
from zoo.search.flat import FlatPart, build_part, open_part, write_part


def made(n: int) -> FlatPart:
    return build_part(random_vectors(n), np.arange(n), metric="ip")


def test_a_file_that_is_no_index_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(b"not an index at all")
    with pytest.raises(DamagedError) as caught:
        open_part(tmp_path / "part", metric="ip")
    assert caught.value.detail == "'part' is not a search index that can be read"


def test_a_file_cut_short_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "part"
    write_part(made(50), path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DamagedError, match="'part' is not a search index that can be read"):
        open_part(path, metric="ip")


def test_a_part_of_another_metric_is_refused(tmp_path: Path) -> None:
    write_part(made(5), tmp_path / "part")
    with pytest.raises(DamagedError, match="'part' was not built for the metric l2"):
        open_part(tmp_path / "part", metric="l2")


def test_writing_over_a_part_leaves_those_who_mapped_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "part"
    write_part(made(500), path)
    opened = open_part(path, metric="ip")
    before = opened.vectors(np.arange(500)).copy()

    write_part(made(3), path)

    assert (opened.vectors(np.arange(500)) == before).all()
    assert [entry.name for entry in tmp_path.iterdir()] == ["part"]


def test_rows_that_die_leave_the_part_they_were_in_as_it_was() -> None:
    part = made(10)

    less = part.without(np.array([3, 3, 4, 70]))

    assert (len(part), len(less)) == (10, 8)
    assert less.dead().tolist() == [3, 4]
    assert len(less.revived()) == 10


def test_pks_that_are_elsewhere_change_nothing() -> None:
    part = made(10)
    assert part.without(np.array([10, -1])) is part
