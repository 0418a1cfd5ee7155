from pathlib import Path

from zoo.settings import Settings
from zoo.supervisor import plan


def names(settings: Settings) -> list[str]:
    return [spec.name for spec in plan.service_specs(settings)]


def test_what_the_user_brings_is_not_started(tmp_path: Path) -> None:
    own = Settings(home=tmp_path, broker_url="redis://other", predictor_url="http://other")

    assert plan.broker_spec(own) is None
    assert names(own) == ["api", "keeper", "worker"]


def test_by_default_everything_is_started(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)

    assert plan.broker_spec(settings) is not None
    assert names(settings) == ["api", "keeper", "worker", "predictor"]


def test_the_graces_leave_room_within_the_15_s_promised(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    specs = [plan.broker_spec(settings), *plan.service_specs(settings)]

    assert sum(spec.grace_s for spec in specs if spec) <= 13


def test_children_run_one_thread_each_and_may_use_bytecode(tmp_path: Path) -> None:
    environment = plan.child_environment(
        Settings(home=tmp_path, port=9000), {"PATH": "/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    )

    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["ZOO_PORT"] == "9000"
    assert environment["PATH"] == "/bin"
    assert "PYTHONDONTWRITEBYTECODE" not in environment
