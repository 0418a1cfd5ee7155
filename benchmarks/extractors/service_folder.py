"""The whole service, reading the pictures where they lie: a folder in, a search that answers out.

As `service` does, but that nothing is sent: the service is told the folder, reads its files by
reference, and a second time sees that none has changed.
"""

from __future__ import annotations

from benchmarks.contest.service import Json, Service
from benchmarks.contest.task import read_task
from benchmarks.extractors.service import embed


def main() -> None:
    """Embed the task's pictures, read by the service itself."""
    task = read_task()

    def give(service: Service, path: str) -> Json:
        return service.ask("POST", f"{path}/items", json={"source": {"path": task.folder}})

    embed(task, give, settings={"ZOO_ALLOWED_ROOTS": task.folder})


if __name__ == "__main__":
    main()
