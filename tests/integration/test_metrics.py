"""What `/metrics` tells is what has happened."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from zoo.catalog import wake_ups
from zoo.jobs.ledger import claim, fail_attempt, give_back
from zoo.testing.pictures import picture, pictures
from zoo.testing.plugin import MakeZooService
from zoo.testing.service import ZooService


@pytest.fixture(scope="module")
def measured(make_zoo_service: MakeZooService) -> ZooService:
    return make_zoo_service(shard_items=2)


def scraped(service: ZooService) -> dict[str, float]:
    """Every sample as `name{label=value,...}`."""
    answer = service.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return {
        f"{sample.name}{{{','.join(f'{k}={v}' for k, v in sorted(sample.labels.items()))}}}": (
            sample.value
        )
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_an_ingest_is_counted_once_it_is_done(measured: ZooService) -> None:
    before = scraped(measured)
    collection = measured.collection("counted")
    files = {
        **pictures(3),
        "again.jpg": picture(0),
        "text.jpg": b"no picture",
        "half.png": picture(77, kind="PNG")[:90],
        "empty.png": b"",
    }
    job = measured.ingest(collection, files)
    assert job["result"]["failed"] == 3
    after = scraped(measured)
    grown = {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if value != before.get(name, 0) and name.startswith(("zoo_input", "zoo_jobs"))
    }
    codes = {name: n for name, n in grown.items() if name.startswith("zoo_input_failures")}
    assert sum(codes.values()) == 3
    assert codes["zoo_input_failures_total{code=empty_file}"] == 1
    assert {name: n for name, n in grown.items() if name not in codes} == {
        "zoo_inputs_total{state=embedded}": job["result"]["embedded"],
        "zoo_inputs_total{state=reused}": job["result"]["reused"],
        "zoo_inputs_total{state=failed}": 3,
        "zoo_jobs_ended_total{state=succeeded,type=ingest}": 1,
    }


def test_what_waits_is_told_with_its_age(measured: ZooService) -> None:
    collection = measured.collection("waiting")
    with measured.held():
        measured.client.post(
            f"/v1/collections/{collection}/items", data=picture(500), content_type="image/jpeg"
        )
        now = scraped(measured)
    assert now["zoo_jobs{state=queued,type=ingest}"] == 1
    assert now["zoo_shards{queue=cpu,state=queued}"] == 1
    assert now["zoo_queue_length{}"] == now["zoo_wake_ups_length{}"] == 1
    assert 0 < now["zoo_queue_age_seconds{}"] < 60
    measured.relay()
    assert scraped(measured)["zoo_queue_length{}"] == 0


def test_lost_claims_and_failed_attempts_are_counted(measured: ZooService) -> None:
    before = scraped(measured)
    catalog = measured.context.catalog
    collection = measured.collection("unlucky")
    with measured.held():
        measured.client.post(
            f"/v1/collections/{collection}/items", data=picture(501), content_type="image/jpeg"
        )
        with catalog.read() as session:
            [(_, shard_id, _)] = wake_ups.take_due(session, 9)
        held = claim(catalog, shard_id, worker_id="w", pid=1)
        assert held is not None
        with catalog.write() as session:
            assert give_back(session, [held.shard]) == 1
        again = claim(catalog, shard_id, worker_id="w", pid=1)
        assert again is not None
        fail_attempt(catalog, again.shard, code="worker_died", detail="it died", attempts=3)
        with catalog.write() as session:  # a zombie's word counts nothing
            assert give_back(session, [held.shard]) == 0
    after = scraped(measured)
    lost = "zoo_claims_lost_total{}"
    assert after[lost] - before[lost] == 1
    assert after["zoo_attempts_failed_total{code=worker_died}"] == 1
    measured.relay()


def test_requests_are_counted_under_their_route(measured: ZooService) -> None:
    for path in ("/v1/collections/a", "/v1/collections/b", "/nowhere"):
        measured.client.get(path)
    now = scraped(measured)
    route = "/v1/collections/<name>"
    assert now[f"zoo_http_requests_total{{method=GET,route={route},status=404}}"] == 2
    assert now[f"zoo_http_request_seconds_count{{method=GET,route={route}}}"] == 2
    assert now["zoo_http_requests_total{method=any,route=none,status=404}"] >= 1


def test_a_transaction_that_fails_counts_nothing(measured: ZooService) -> None:
    before = scraped(measured)
    answer = measured.client.post(
        "/v1/collections/nowhere/items", data=b"", content_type="image/jpeg"
    )
    assert answer.status_code == 404
    after = scraped(measured)
    assert {n: v for n, v in after.items() if n.startswith("zoo_input")} == {
        n: v for n, v in before.items() if n.startswith("zoo_input")
    }
    assert after["zoo_predictor_up{}"] == 1
    assert after["zoo_disk_free_bytes{}"] > 0
