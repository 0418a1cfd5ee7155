"""What the doctor says of a home that is well, and of one that is not."""

import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import zoo_migrations
from tests.live import free_port
from zoo.catalog import open_catalog, plugins
from zoo.cli.main import build_app
from zoo.settings import Settings, load_settings
from zoo.supervisor.doctor import Finding, Verdict, examine, examining, machine


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, home=tmp_path / "home", port=free_port())


@pytest.fixture
def used(settings: Settings) -> Settings:
    """A home with a catalog."""
    settings.home.mkdir()
    zoo_migrations.upgrade(settings.resolved_database_url)
    return settings


@pytest.fixture
def taken(settings: Settings) -> Iterator[Settings]:
    """A port on which somebody else listens."""
    with closing(socket.create_server(("127.0.0.1", settings.port))):
        yield settings


def findings(settings: Settings) -> dict[str, Finding]:
    return {one.name: one for one in examine(settings)}


def test_a_machine_that_can_run_the_service_has_no_fault(settings: Settings) -> None:
    found = findings(settings)
    assert [one for one in found.values() if one.verdict == Verdict.FAIL] == []
    assert {"python", "disk", "fsync", "memory", "open files", "clock", "broker", "database",
            "storage", "address"} <= found.keys()  # fmt: skip
    assert found["database"].said == (
        f"none yet at {settings.home / 'catalog.sqlite3'}; `zoo up` makes it"
    )
    assert not settings.home.exists()  # it only looks


def test_every_fault_says_what_to_do(
    taken: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    monkeypatch.setattr(machine, "SLOW_FSYNC_S", 0.0)
    monkeypatch.setattr(machine, "MEMORY_A_CORE", 1 << 60)
    monkeypatch.setattr(machine, "FILES", 1 << 62)
    broken = replace(taken, broker_url="redis://127.0.0.1:9/0", storage_url="nowhere")
    found = findings(broken)
    verdicts = {name: one.verdict for name, one in found.items()}
    assert {name for name, one in verdicts.items() if one == Verdict.FAIL} == {
        "disk",
        "shared memory",
        "broker",
        "storage",
        "address",
    }
    assert {name for name, one in verdicts.items() if one == Verdict.WARN} == {
        "fsync",
        "memory",
        "open files",
    }
    assert all(one.remedy for one in found.values() if one.verdict != Verdict.OK)
    assert found["broker"].said == "the broker of ZOO_BROKER_URL does not answer"
    assert found["address"].said == (
        f"port {taken.port} is taken on 127.0.0.1; stop what listens there "
        "or choose another with --port"
    )


def test_plugins_that_do_not_work_are_named_with_their_reason(used: Settings) -> None:
    with closing(open_catalog(used.resolved_database_url)) as catalog, catalog.write() as session:
        for name, state, reason in (("good", "ready", ""), ("bad", "broken", "it raised")):
            plugins.expect_plugin(
                session, name, distribution="d", version="1", state=state, reason=reason
            )
    found = findings(used)
    assert found["plugin good"] == Finding(
        name="plugin good", verdict=Verdict.OK, said="ready, d 1"
    )
    assert found["plugin bad"] == Finding(
        name="plugin bad",
        verdict=Verdict.WARN,
        said="broken: it raised",
        remedy="mend it, then: zoo plugin refresh bad",
    )


def test_an_older_schema_is_a_fault(used: Settings) -> None:
    with (
        closing(open_catalog(used.resolved_database_url)) as catalog,
        catalog.engine.begin() as connection,
    ):
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert findings(used)["database"].verdict == Verdict.FAIL


def test_a_clock_that_was_put_back_is_noticed(used: Settings) -> None:
    os.utime(used.home / "catalog.sqlite3", (4e9, 4e9))
    assert findings(used)["clock"].remedy == "set the clock"


def test_a_check_that_breaks_hides_no_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_moon(_settings: Settings) -> Iterator[Finding]:
        raise RuntimeError("eclipse")
        yield

    monkeypatch.setattr(examining.machine, "CHECKS", (check_moon,))
    found = findings(settings)
    assert found["moon"].said == "it cannot be looked at: RuntimeError: eclipse"
    assert "broker" in found


def test_the_command_ends_with_1_for_a_fault_and_prints_json(taken: Settings) -> None:
    arguments = ["doctor", "--home", str(taken.home), "--port", str(taken.port)]
    ended = CliRunner().invoke(build_app(), [*arguments, "--json"])
    assert ended.exit_code == 1
    told = {one["name"]: one["verdict"] for one in json.loads(ended.stdout)["findings"]}
    assert (told["address"], told["python"]) == ("fail", "ok")
    shown = CliRunner().invoke(build_app(), arguments).output
    assert "fail  address: port" in shown
