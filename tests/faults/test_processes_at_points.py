"""A process that dies or hangs at a point, in the whole service: others finish its work."""

from pathlib import Path

import pytest

from tests.faults.topology import Seasoned
from tests.faults.workloads import PASSING
from zoo.faults import Point, times_reached

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("point", Point)
def test_a_process_killed_at_a_point_loses_nothing(
    seasoned: Seasoned, tmp_path: Path, point: Point
) -> None:
    with seasoned.struck(tmp_path, ZOO_FAULT=point) as struck:
        struck.service.start()

        PASSING[point](struck.asked)

        assert times_reached(struck.service.home, point) > 0
        struck.checker.check(struck.asked)
        struck.end()


@pytest.mark.parametrize(
    "point",
    [
        Point.RELAY_TAKEN,
        Point.RELAY_RUNG,
        Point.SHARD_CLAIMED,
        Point.EMBED_READING,
        Point.EMBED_RECORDED,
        Point.TRAIN_REGISTERED,
    ],
)
def test_a_process_that_hangs_at_a_point_is_ended_and_loses_nothing(
    seasoned: Seasoned, tmp_path: Path, point: Point
) -> None:
    with seasoned.struck(tmp_path, ZOO_FAULT=f"{point}:hang", ZOO_STALLED_S="5") as struck:
        struck.service.start()

        PASSING[point](struck.asked)

        assert times_reached(struck.service.home, point) > 0
        struck.checker.check(struck.asked)
        struck.end()
