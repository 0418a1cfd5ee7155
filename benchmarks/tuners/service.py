"""The whole service: labelled pictures over HTTP in, a model version with its metrics out.

On a copy of a home whose model is exported. The pictures to judge on are embedded first, as the
other contestants judge after their time too. The clock runs from sending the others until the job
has succeeded. Then a head is asked for once more.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from benchmarks.contest.service import Json, Service, ServiceError, alone, knowing, serving
from benchmarks.contest.task import Stopwatch, finish_line
from benchmarks.contest.tuning import TuningTask, read_tuning_task

ZIP = {"Content-Type": "application/zip"}
NAME = "contest"
HEAD_ONLY = "head_only"  # trains on embeddings, which are there the second time


def main() -> None:
    """Fine-tune once, and again."""
    task = read_tuning_task()
    home = Path(task.scratch, "home")
    shutil.copytree(task.home, home)
    settings = {**knowing(Path(task.plugins)), **alone(task.model)}
    with serving(home, settings=settings) as service:
        service.ask("PUT", f"/v1/collections/{NAME}", json={"model": task.model})
        service.ask("PUT", f"/v1/datasets/{NAME}", json={})
        send(service, f"/v1/collections/{NAME}", task.tests)
        send(service, f"/v1/datasets/{NAME}", task.tests)
        before = service.cpu_by_part()
        with Stopwatch(service.root) as watch:
            send(service, f"/v1/datasets/{NAME}", task.labelled)
            result = fine_tune(service, task)["result"]
        after = service.cpu_by_part()
        again = measured_again(service, task) if task.strategy == HEAD_ONLY else {}
    notes = {
        "metrics": result["metrics"],
        "used": result.get("strategy_used", task.strategy),
        **again,
        "cpu_by_part": {part: spent - before.get(part, 0.0) for part, spent in after.items()},
    }
    print(finish_line(task.n, watch, packages=("featurezoo",), **notes), flush=True)


def measured_again(service: Service, task: TuningTask) -> Mapping[str, float]:
    """What it takes to have the same once more, of pictures that are embedded already."""
    with Stopwatch(service.root) as again:
        fine_tune(service, task)
    return {"again_wall_s": again.wall_s, "again_cpu_s": again.cpu_s}


def send(service: Service, path: str, archive: str) -> None:
    """Have an archive taken in, whole."""
    with Path(archive).open("rb") as content:
        job = service.ask("POST", f"{path}/items", content=content, headers=ZIP)
    done = service.finished(job)
    if done["result"]["failed"]:
        raise ServiceError(f"not every picture could be used: {done['result']}")


def fine_tune(service: Service, task: TuningTask) -> Json:
    """Have a version made, all but the strategy left to its default."""
    spec = {
        "dataset": NAME,
        "model": task.model,
        "name": NAME,
        "strategy": task.strategy,
        "seed": task.seed,
    }
    job = service.ask("POST", "/v1/jobs", json={"type": "fine_tune", "spec": spec})
    return service.finished(job)


if __name__ == "__main__":
    main()
