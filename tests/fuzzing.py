"""Schemathesis against a service in this process: requests made from the document by the rules."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import schemathesis
from flask import Flask
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from werkzeug.wsgi import ClosingIterator

from zoo.catalog import keys
from zoo.keys import make_key
from zoo.testing import pictures, tiny
from zoo.testing.asking import data_uri
from zoo.testing.service import ZooService

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SEED = 20261121
ACCEPTED = ("2xx", "3xx", "403", "404", "409", "416")  # 403: no source is allowed
TAKING_FILES = ("collections", "datasets")
OFTEN = 0.5  # how often a name in an address is one that exists


@dataclass(kw_only=True)
class Run:
    """What a run asked and what was wrong."""

    statuses: Counter[int] = field(default_factory=Counter)
    operations: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


def furnish(zoo: ZooService) -> dict[str, list[str]]:
    """Give a service one of each thing; returns their names by the parameter that names them."""
    zoo.collection("shots")
    job = zoo.ingest("shots", pictures.pictures(3))
    zoo.dataset("pets")
    zoo.add_labelled("pets", pictures.labelled())
    zoo.fine_tune("pets", name="mine")
    spec = {"collection": "shots", "layers": ["deep"]}
    extracted = zoo.client.post("/v1/jobs", json={"type": "extract", "spec": spec}).get_json()
    zoo.client.put("/v1/models/mine/aliases/champion", json={"version": 1})
    return {
        "path.name": ["shots", "pets", "mine", tiny.MODEL, "fine_tune", "new"],
        "path.item_id": [item["id"] for item in zoo.items("shots")],
        "path.job_id": [job["id"], extracted["id"]],
        "path.alias": ["champion"],
        "path.asset": ["start.js"],
    }


def fuzz(zoo: ZooService, names: dict[str, list[str]], *, phases: set[str], examples: int) -> Run:
    """Ask what the document allows, and what it forbids, with an admin's key.

    The service's own client has the key from then on.
    """
    made = make_key()
    with zoo.context.catalog.write() as session:
        keys.add_key(session, made, name="fuzzing", scope="admin")
    zoo.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {made.text}"
    chosen = settings(names, phases=phases, examples=examples)
    chosen["headers"] = {"Authorization": f"Bearer {made.text}"}
    config = SchemathesisConfig.from_dict(chosen)
    app = whole_answers(zoo.client.application)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app, config=config)
    run = Run()
    for event in from_schema(schema).execute():
        note(run, event)
    return run


def whole_answers(app: Flask) -> "WSGIApplication":
    """The application with answers read and closed, which the library's client leaves open."""

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        with closing(ClosingIterator(app(environ, start_response))) as parts:
            return [b"".join(parts)]

    return serve


def settings(names: dict[str, list[str]], *, phases: set[str], examples: int) -> dict[str, Any]:
    """What to ask, how often, and which checks do not apply, each with its reason."""
    words = [tiny.MODEL, "mine", "mine:1", "mine@champion", "pets", "fine_tune", "cosine", "deep"]
    words += [data_uri(pictures.picture(1)), data_uri(b"no picture"), *names["path.item_id"]]
    spread = {key: {"dictionary": key, "probability": OFTEN} for key in names}
    return {
        "seed": SEED,
        "continue-on-failure": True,
        "dictionaries": {key: {"values": values} for key, values in names.items()}
        | {"words": {"values": words}},
        "parameters": spread,
        "operations": [
            # It would revoke the run's own key, whose id it learns from answers.
            {"include-name": "DELETE /v1/keys/{key_id}", "enabled": False},
            # The history of an alias outlives it.
            {
                "include-path": "/v1/models/{name}/aliases/{alias}/history",
                "checks": {"use_after_free": {"enabled": False}},
            },
            # Any bytes are a file: one that is no picture is a failed input of the job.
            {
                "include-name": [f"POST /v1/{kind}/{{name}}/items" for kind in TAKING_FILES],
                "checks": {"negative_data_rejection": {"enabled": False}},
            },
            {
                "include-name": "POST /v1/session",
                "checks": {
                    "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "422"]}
                },
            },
        ],
        "generation": {
            "max-examples": examples,
            "deterministic": True,
            "database": "none",
            "with-security-parameters": False,
            "dictionaries": {"string": {"dictionary": "words", "probability": 0.3}},
        },
        "phases": {
            name: {"enabled": name in phases}
            for name in ("examples", "coverage", "fuzzing", "stateful")
        },
        "checks": {
            # Its own requests cannot be sent to an application in the same process; that every
            # route asks for a key is proved one by one in tests/unit/zoo_api/test_admission.py.
            "ignored_auth": {"enabled": False},
            # Which names exist, and what goes with what, no schema can say.
            "positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "422"]},
        },
    }


def note(run: Run, event: events.EngineEvent) -> None:
    """Add what an event of the run tells."""
    if isinstance(event, events.NonFatalError):
        run.faults.append(f"{event.label}: {event.value}")
    elif isinstance(event, events.FatalError):
        raise event.exception
    elif isinstance(event, events.ScenarioFinished):
        for interaction in event.recorder.interactions.values():
            if interaction.response is not None:
                run.statuses[interaction.response.status_code] += 1
        run.operations.add(event.recorder.label)
        run.faults.extend(faults_of(event))


def faults_of(event: events.ScenarioFinished) -> Iterator[str]:
    """Each failed check in one line: of what, why, what was asked and what was answered."""
    recorder = event.recorder
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                said = " ".join(check.failure_info.failure.message.split())
                asked = recorder.interactions[case_id].request
                answer = recorder.interactions[case_id].response
                yield (
                    f"{recorder.label}: {check.name}: {said[:600]}\n"
                    f"  {asked.method} {asked.uri[:300]} {(asked.body or b'')[:300]!r}\n"
                    f"  {answer and (answer.status_code, answer.content[:300])}"
                )
