"""What Prometheus scrapes: the whole home as the catalog knows it, and this process's requests."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

from flask import Blueprint, Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from zoo import __version__
from zoo.catalog import Session, counts, gauges, workers
from zoo.catalog.gauges import Tally, Waiting
from zoo.jobs.keeper import LEASE
from zoo_api.contract import Answer, contract
from zoo_api.services import Services

metrics = Blueprint("metrics", __name__)

MEDIA = "text/plain"
CONTENT_TYPE = f"{MEDIA}; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
COUNTED = {
    "inputs": "Inputs of jobs by what became of them.",
    "input_failures": "Inputs that failed, by the code of the reason.",
    "jobs_ended": "Jobs by type and how they ended.",
    "attempts_failed": "Attempts of shards that failed, and waits, by the code of the reason.",
    "claims_lost": "Claims given back because their worker was lost.",
}
"""Counts of the catalog: they survive restarts, and are the same from every api."""


@metrics.get("/metrics")
@contract(Answer(media=(MEDIA,)))
def show_metrics() -> Response:
    """Counters and gauges of the service in Prometheus's text format."""
    registry: CollectorRegistry = current_app.extensions["zoo_metrics"]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE)


def register(app: Flask, parts: Services) -> None:
    """Measure an application's requests, and have its `/metrics` tell of its services."""
    registry = CollectorRegistry()
    registry.register(HomeMetrics(parts))
    measured = RequestMetrics(registry)
    app.extensions["zoo_metrics"] = registry
    app.before_request(measured.begin)
    app.after_request(measured.end)


class RequestMetrics:
    """Counts and times the requests of one process; a stream counts until its first byte."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter(
            "zoo_http_requests",
            "Requests answered by this process.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "zoo_http_request_seconds",
            "Seconds until a request was answered.",
            ("method", "route"),
            buckets=SECONDS,
            registry=registry,
        )

    @staticmethod
    def begin() -> None:
        """Note when a request came."""
        g.began_at = time.perf_counter()

    def end(self, response: Response) -> Response:
        """Count an answer, under its route: an address that is none must not make a series."""
        rule = request.url_rule
        route = rule.rule if rule else "none"
        method = request.method if rule else "any"
        self._count.labels(method, route, str(response.status_code)).inc()
        self._seconds.labels(method, route).observe(time.perf_counter() - g.began_at)
        return response


class HomeMetrics(Collector):
    """Reads the catalog at each scrape."""

    def __init__(self, parts: Services) -> None:
        self._parts = parts

    def describe(self) -> list[Metric]:
        """Nothing is read for being registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All counters and gauges of the home."""
        yield _gauge("zoo_info", "What runs.", {"version": __version__}, 1)
        is_alive = self._parts.predictor.is_alive()
        yield _gauge("zoo_predictor_up", "Whether the predictor answers.", {}, is_alive)
        free = shutil.disk_usage(self._parts.settings.home).free
        yield _gauge("zoo_disk_free_bytes", "Room on the home's disk.", {}, free)
        with self._parts.catalog.read() as session:
            yield from _counted(session)
            yield from _standing(session)
            yield from _present(session)


def _counted(session: Session) -> Iterator[Metric]:
    found = counts.list_counts(session)
    for name, text in COUNTED.items():
        of_name = [one for one in found if one.name == name]
        labels = sorted({label for one in of_name for label in one.labels})
        family = CounterMetricFamily(f"zoo_{name}", text, labels=labels)
        for one in of_name:
            family.add_metric([one.labels.get(label, "") for label in labels], one.value)
        if not of_name and name == "claims_lost":  # so that the first of them is an increase
            family.add_metric([], 0)
        yield family


def _standing(session: Session) -> Iterator[Metric]:
    jobs, shards = gauges.live_jobs(session), gauges.open_shards(session)
    yield _tallied("zoo_jobs", "Jobs that have not ended.", "type", jobs)
    yield _tallied("zoo_shards", "Shards that are queued or running.", "queue", shards)
    yield from _waiting("zoo_queue", "jobs that nobody has begun", gauges.waiting_jobs(session))
    wake_ups = gauges.waiting_wake_ups(session)
    yield from _waiting("zoo_wake_ups", "wake-ups that no keeper has published", wake_ups)


def _present(session: Session) -> Iterator[Metric]:
    text = "Beats of each worker; one that stands still is lost."
    beats = CounterMetricFamily("zoo_worker_beats", text, labels=["worker", "node", "queue"])
    for one in workers.list_workers(session):
        beats.add_metric([one.id, one.node, one.queue], one.beat)
    yield beats
    lease = workers.read_lease(session, LEASE)
    kept = CounterMetricFamily("zoo_keeper_beats", "Beats of the keeper that leads.")
    kept.add_metric([], lease[1] if lease else 0)
    yield kept


def _gauge(name: str, text: str, labels: dict[str, str], value: float) -> Metric:
    family = GaugeMetricFamily(name, text, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _tallied(name: str, text: str, kind: str, tallies: list[Tally]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[kind, "state"])
    for one in tallies:
        family.add_metric([one.kind, one.state], one.n)
    return family


def _waiting(name: str, what: str, waiting: Waiting) -> Iterator[Metric]:
    yield _gauge(f"{name}_length", f"How many {what}.", {}, waiting.n)
    yield _gauge(f"{name}_age_seconds", f"Age of the oldest of {what}.", {}, waiting.age_s)
