from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, event

from zoo.catalog import Catalog
from zoo.catalog import keys as catalog_keys
from zoo.errors import UnavailableError
from zoo.keys import make_key
from zoo_api.keyring import FRESH_S, NOTE_EVERY_S, KeyRing


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ring(catalog: Catalog, clock: Clock) -> KeyRing:
    return KeyRing(catalog, clock=clock)


def add_key(catalog: Catalog) -> str:
    made = make_key()
    with catalog.write() as session:
        catalog_keys.add_key(session, made, name="x", scope="read")
    return made.text


def revoke(catalog: Catalog, key_id: str) -> None:
    with catalog.write() as session:
        catalog_keys.revoke_key(session, key_id)


def last_used(catalog: Catalog) -> datetime | None:
    with catalog.read() as session:
        return catalog_keys.list_keys(session)[0].last_used_at


def test_a_key_of_another_process_works_within_a_second(
    ring: KeyRing, catalog: Catalog, clock: Clock
) -> None:
    assert not ring.has_any()
    text = add_key(catalog)
    clock.now_s += FRESH_S

    assert ring.has_any()
    assert ring.find(text)
    assert FRESH_S < 1


def test_a_revoked_key_stops_within_a_second_and_opens_nothing(
    ring: KeyRing, catalog: Catalog, clock: Clock
) -> None:
    text = add_key(catalog)
    key = ring.find(text)
    assert key
    revoke(catalog, key.id)
    clock.now_s += FRESH_S

    assert ring.find(text) is None
    assert ring.get(key.id) is None
    assert ring.has_any()


def test_a_right_id_with_another_secret_is_not_the_key(ring: KeyRing, catalog: Catalog) -> None:
    text = add_key(catalog)
    last = "1" if text[-1] == "0" else "0"

    assert ring.find(text[:-1] + last) is None


def test_what_this_process_changed_it_knows_at_once(ring: KeyRing, catalog: Catalog) -> None:
    assert not ring.has_any()
    text = add_key(catalog)
    ring.forget()

    assert ring.find(text)


def test_many_questions_cost_one_query(ring: KeyRing, catalog: Catalog) -> None:
    text = add_key(catalog)
    asked: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    engine: Engine = catalog.engine
    event.listen(engine, "before_cursor_execute", note)
    for _ in range(1000):
        ring.has_any()
        ring.find(text)
        ring.find("zoo_0000000000000000_" + "0" * 64)

    assert len([statement for statement in asked if "api_keys" in statement]) == 1


def test_uses_are_written_at_most_once_a_minute(
    ring: KeyRing, catalog: Catalog, clock: Clock
) -> None:
    key = ring.find(add_key(catalog))
    assert key
    ring.note_use(key)
    ring.write_uses()
    first = last_used(catalog)
    ring.note_use(key)
    ring.write_uses()
    assert first is not None
    assert abs((datetime.now(UTC) - first).total_seconds()) < 60
    assert last_used(catalog) == first

    clock.now_s += NOTE_EVERY_S
    ring.write_uses()
    second = last_used(catalog)
    assert second is not None
    assert second > first


def test_a_use_that_cannot_be_written_costs_nothing(
    ring: KeyRing, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ring.find(add_key(catalog))
    assert key
    ring.note_use(key)

    def refuse() -> None:
        raise UnavailableError("the database does not answer")

    monkeypatch.setattr(catalog, "write", refuse)
    ring.write_uses()
