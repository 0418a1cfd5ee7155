from tests.faults.workloads import PASSING
from zoo.faults import Point


def test_every_fault_point_is_passed_by_a_workload() -> None:
    assert list(PASSING) == list(Point)
