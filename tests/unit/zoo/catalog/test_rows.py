from zoo.catalog import Catalog
from zoo.catalog.rows import CHUNK, chunks, insert_new, upsert
from zoo.catalog.tables import Plugin


def plugin(name: str, version: str) -> dict[str, str]:
    return {
        "name": name, "distribution": "x", "version": version, "state": "ready", "reason": "",
    }  # fmt: skip


def versions(catalog: Catalog) -> dict[str, str]:
    with catalog.read() as session:
        return {row.name: row.version for row in session.query(Plugin)}


def test_a_known_row_stays_as_it_is(catalog: Catalog) -> None:
    with catalog.write() as session:
        insert_new(session, Plugin, [plugin("a", "1")], key=["name"])
        insert_new(session, Plugin, [plugin("a", "2"), plugin("b", "2")], key=["name"])
    assert versions(catalog) == {"a": "1", "b": "2"}


def test_a_known_row_takes_the_named_columns_only(catalog: Catalog) -> None:
    with catalog.write() as session:
        upsert(session, Plugin, [plugin("a", "1")], key=["name"], update=["version"])
        changed = {**plugin("a", "2"), "distribution": "y"}
        upsert(session, Plugin, [changed], key=["name"], update=["version"])

    with catalog.read() as session:
        row = session.query(Plugin).one()
        assert (row.version, row.distribution) == ("2", "x")


def test_more_rows_than_a_statement_takes_are_written(catalog: Catalog) -> None:
    with catalog.write() as session:
        rows = [plugin(f"p{number}", "1") for number in range(2 * CHUNK + 1)]
        insert_new(session, Plugin, rows, key=["name"])
    assert len(versions(catalog)) == 2 * CHUNK + 1


def test_no_rows_are_nothing_to_write(catalog: Catalog) -> None:
    with catalog.write() as session:
        insert_new(session, Plugin, [], key=["name"])
        upsert(session, Plugin, [], key=["name"], update=["version"])
    assert versions(catalog) == {}


def test_chunks_keep_the_order_and_the_rest() -> None:
    assert list(chunks(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(chunks([], 2)) == []
