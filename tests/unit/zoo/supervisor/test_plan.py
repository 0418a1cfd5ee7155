from pathlib import Path

from zoo.settings import Settings
from zoo.supervisor import plan


def names(settings: Settings) -> list[str]:
    return [spec.name for spec in plan.service_specs(settings)]


def test_what_the_user_brings_is_not_started(tmp_path: Path) -> None:
    own = Settings(home=tmp_path, broker_url="redis://other", predictor_url="tcp://other:8701")

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


def test_each_gpu_has_a_worker_of_its_own_and_a_share_of_the_cores_to_decode(
    tmp_path: Path,
) -> None:
    settings = Settings(home=tmp_path, worker_processes=16)

    specs = {spec.name: spec for spec in plan.service_specs(settings, ["0", "GPU-8f1"])}

    assert list(specs)[-2:] == ["worker-gpu0", "worker-gpu1"]
    assert specs["worker"].environment == {"ZOO_QUEUE": "cpu"}
    assert specs["worker-gpu1"].argv == specs["worker"].argv
    assert specs["worker-gpu1"].part == "worker"
    assert specs["worker-gpu1"].environment == {
        "ZOO_QUEUE": "gpu",
        "ZOO_GPU_DECODERS": "8",
        "CUDA_VISIBLE_DEVICES": "GPU-8f1",
    }


def test_without_a_gpu_the_worker_takes_what_was_queued_for_one(tmp_path: Path) -> None:
    specs = {spec.name: spec for spec in plan.service_specs(Settings(home=tmp_path))}

    assert specs["worker"].environment == {"ZOO_QUEUE": "cpu,gpu"}


def test_all_processes_agree_on_where_is_forwarded(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)

    assert plan.settled(settings, ["0"]).forward_queue == "gpu"
    assert plan.settled(settings, []).forward_queue == "cpu"
    assert plan.child_environment(plan.settled(settings, ["0"]), {})["ZOO_DEVICE"] == "cuda"
