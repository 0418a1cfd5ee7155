from collections.abc import Sequence

import pytest

from zoo.catalog import Catalog, Session, collections, contents, datasets, items, sources
from zoo.catalog.records import ContentRecord, InputRecord, SourceFileRecord, SourceRecord
from zoo.catalog.sources import Target

A, B = "a" * 64, "b" * 64


@pytest.fixture
def target(collection_id: int) -> Target:
    return Target(collection_id=collection_id)


def file(name: str, sha256: str | None = A, *, item_id: str = "", **more: str) -> SourceFileRecord:
    known = {"stamp": "1", **more}
    return SourceFileRecord(
        name=name, size_bytes=3, sha256=sha256, item_id=item_id or f"item_{name}", **known
    )


def archive_row(name: str) -> SourceFileRecord:
    return SourceFileRecord(name=name, size_bytes=3, stamp="1", sha256=None, item_id="")


def stored(session: Session, key: str, *sha256s: str) -> None:
    ids = contents.add_packs(session, {key: 3})
    rows = [
        ContentRecord(sha256=sha256, pack_key=key, offset=0, size_bytes=3, width=None, height=None)
        for sha256 in sha256s
    ]
    contents.add_contents(session, rows, pack_ids=ids)


def given(item_id: str, sha256: str, *, label: str | None = None) -> InputRecord:
    return InputRecord(
        pk=0,
        position=0,
        name=item_id,
        item_id=item_id,
        label=label,
        split=None,
        metadata={},
        sha256=sha256,
        state="queued",
        error_code=None,
        error_detail=None,
    )


def begin(catalog: Catalog, target: Target, location: str = "/srv") -> SourceRecord:
    with catalog.write() as session:
        return sources.begin_scan(session, target, location)


def note(
    catalog: Catalog, target: Target, source: SourceRecord, *files: SourceFileRecord
) -> dict[str, str]:
    with catalog.write() as session:
        return sources.note_files(session, source, target, files)


def put(catalog: Catalog, target: Target, *given_: InputRecord) -> None:
    assert target.collection_id is not None
    with catalog.write() as session:
        stored(session, "packs/p", *{str(one.sha256) for one in given_})
        items.put_items(session, target.collection_id, given_, revision=1)


def end(catalog: Catalog, source: SourceRecord, target: Target) -> tuple[int, int]:
    """Files and items that a look ends by removing."""
    with catalog.write() as session:
        gone = sources.gone_files(session, source, limit=100)
        n_items = sources.remove_files(session, source, target, gone, revision=9)
    return len(gone), n_items


def pack_of(catalog: Catalog, sha256: str) -> str:
    with catalog.read() as session:
        return contents.get_contents(session, [sha256])[sha256].pack_key


def test_each_look_at_a_place_has_its_number(catalog: Catalog, target: Target) -> None:
    first, second = begin(catalog, target), begin(catalog, target)
    assert (second.id, second.scan) == (first.id, first.scan + 1)
    assert begin(catalog, target, "/other").id != first.id


def test_a_file_keeps_the_id_that_it_had_first(catalog: Catalog, target: Target) -> None:
    source = begin(catalog, target)
    assert note(catalog, target, source, file("a", item_id="one")) == {"a": "one"}
    assert note(catalog, target, source, file("a", B, item_id="two")) == {"a": "one"}


def test_a_file_is_there_while_its_item_stands_for_it(catalog: Catalog, target: Target) -> None:
    source = begin(catalog, target)
    note(catalog, target, source, file("a"), file("b"), file("c"))
    put(catalog, target, given("item_a", A), given("item_b", B), given("item_c", A))
    with catalog.write() as session:
        items.delete_item(session, target.collection_id or 0, "item_c", revision=2)
    with catalog.read() as session:
        known = sources.known_files(session, source.id, target, ["a", "b", "c", "d"])
    assert {name: one.is_there for name, one in known.items()} == {
        "a": True,
        "b": False,
        "c": False,
    }


def test_what_a_look_has_not_met_goes_with_its_item(catalog: Catalog, target: Target) -> None:
    note(catalog, target, begin(catalog, target), file("a"), file("b", B))
    put(catalog, target, given("item_a", A), given("item_b", B), given("other", A))
    again = begin(catalog, target)
    with catalog.write() as session:
        sources.mark_seen(session, again, ["a"])
    assert end(catalog, again, target) == (1, 1)
    with catalog.read() as session:
        left = items.list_items(session, target.collection_id or 0, after=0, limit=9)
    assert [item.item_id for item in left] == ["item_a", "other"]
    assert end(catalog, again, target) == (0, 0)


def test_an_item_that_stands_for_something_else_by_now_stays(
    catalog: Catalog, target: Target
) -> None:
    note(catalog, target, begin(catalog, target), file("a"))
    put(catalog, target, given("item_a", B))
    assert end(catalog, begin(catalog, target), target) == (1, 0)


@pytest.mark.parametrize("spoilt", [[B], [B, "c" * 64]], ids=["once", "twice"])
def test_an_item_goes_with_its_file_though_that_was_spoilt_before(
    catalog: Catalog, target: Target, spoilt: list[str]
) -> None:
    note(catalog, target, begin(catalog, target), file("a"))
    put(catalog, target, given("item_a", A))
    for sha256 in spoilt:
        note(catalog, target, begin(catalog, target), file("a", sha256))
    assert end(catalog, begin(catalog, target), target) == (1, 1)


def test_an_item_of_a_spoilt_file_that_somebody_else_has_replaced_stays(
    catalog: Catalog, target: Target
) -> None:
    note(catalog, target, begin(catalog, target), file("a"))
    put(catalog, target, given("item_a", A))
    note(catalog, target, begin(catalog, target), file("a", B))
    put(catalog, target, given("item_a", "c" * 64))
    assert end(catalog, begin(catalog, target), target) == (1, 0)


def test_what_was_a_file_and_is_an_archive_now_is_gone(catalog: Catalog, target: Target) -> None:
    note(catalog, target, begin(catalog, target), file("a"))
    put(catalog, target, given("item_a", A))
    again = begin(catalog, target)
    note(catalog, target, again, archive_row("a"), file("a!b", B, archive="a"))
    with catalog.read() as session:
        assert sources.known_files(session, again.id, target, ["a"])["a"].item_id == ""
    assert end(catalog, again, target) == (1, 1)
    last = begin(catalog, target)
    assert note(catalog, target, last, file("a", item_id="other")) == {"a": "other"}
    assert end(catalog, last, target) == (2, 0)


def test_an_earlier_look_that_ends_late_takes_nothing_from_a_later_one(
    catalog: Catalog, target: Target
) -> None:
    early, late = begin(catalog, target), begin(catalog, target)
    note(catalog, target, late, file("a"))
    note(catalog, target, early, file("a", B))
    with catalog.write() as session:
        sources.mark_seen(session, early, ["a"])
    assert end(catalog, late, target) == (0, 0)


def test_files_of_an_archive_are_met_with_it(catalog: Catalog, target: Target) -> None:
    source = begin(catalog, target)
    note(catalog, target, source, archive_row("z.zip"), file("z.zip!a", archive="z.zip"))
    note(catalog, target, source, file("y.zip!a", archive="y.zip"))
    again = begin(catalog, target)
    with catalog.write() as session:
        assert sources.mark_archive_seen(session, again, "z.zip") == 1
        assert not sources.is_whole(session, again.id, target, "z.zip")
    put(catalog, target, given("item_z.zip!a", A))
    with catalog.read() as session:
        assert sources.is_whole(session, again.id, target, "z.zip")
    assert end(catalog, again, target) == (1, 0)


def test_an_id_that_two_archives_give_is_the_last_one_s_until_that_goes(
    catalog: Catalog, target: Target
) -> None:
    source = begin(catalog, target)
    ours = file("a.zip!id:x", A, archive="a.zip", item_id="x")
    note(catalog, target, source, ours, file("b.zip!id:x", B, archive="b.zip", item_id="x"))
    put(catalog, target, given("x", B))
    with catalog.read() as session:
        assert sources.is_whole(session, source.id, target, "a.zip")
        assert sources.is_whole(session, source.id, target, "b.zip")
    again = begin(catalog, target)
    with catalog.write() as session:
        sources.mark_archive_seen(session, again, "a.zip")
    assert end(catalog, again, target) == (1, 0)
    with catalog.read() as session:
        assert not sources.is_whole(session, source.id, target, "a.zip")
    put(catalog, target, given("x", A))
    assert end(catalog, begin(catalog, target), target) == (1, 1)


@pytest.mark.parametrize("kind", ["collection_id", "dataset_id"])
def test_what_goes_with_files_is_found_by_index_from_the_files(
    catalog: Catalog, kind: str
) -> None:
    """From the items it took minutes to remove a few thousand of a large collection."""
    if catalog.engine.dialect.name != "sqlite":
        return  # PostgreSQL decides by how many there are
    statement = Target(**{kind: 1}).gone_with(range(1, 500), scan=3)
    sql = statement.compile(catalog.engine, compile_kwargs={"literal_binds": True})
    with catalog.engine.connect() as connection:
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
    unique = {
        "collection_id": "items USING INDEX sqlite_autoindex_items_1",
        "dataset_id": "dataset_items USING INDEX uq_dataset_items_held",
    }
    assert [step for step in plan if step.startswith(("SEARCH", "SCAN"))] == [
        "SEARCH source_files USING INTEGER PRIMARY KEY (rowid=?)",
        "SEARCH source_files_1 USING INDEX ix_source_files_members (source_id=? AND item_id=?)",
        f"SEARCH {unique[kind]} ({kind}=? AND item_id=?)",
    ]


def test_an_id_that_several_gone_archives_gave_is_removed_once(catalog: Catalog) -> None:
    with catalog.write() as session:
        dataset = datasets.create_dataset(session, "d")
        stored(session, "packs/p", A)
        datasets.put_examples(session, dataset.id, [given("x", A, label="cat")])
    target = Target(dataset_id=dataset.id)
    members = [file(f"{n}.zip!id:x", archive=f"{n}.zip", item_id="x") for n in range(2)]
    note(catalog, target, begin(catalog, target), *members)
    assert end(catalog, begin(catalog, target), target) == (2, 1)


def test_a_content_whose_file_goes_is_found_in_another_that_has_the_same_bytes(
    catalog: Catalog, target: Target
) -> None:
    with catalog.write() as session:
        stored(session, "ref:/srv/a", A)
        stored(session, "ref:/srv/b", A)
    assert pack_of(catalog, A) == "ref:/srv/b"
    source = begin(catalog, target)
    both = [file("a", reference="ref:/srv/a"), file("b", reference="ref:/srv/b")]
    note(catalog, target, source, *both)
    again = begin(catalog, target)
    with catalog.write() as session:
        sources.mark_seen(session, again, ["a"])
    end(catalog, again, target)
    assert pack_of(catalog, A) == "ref:/srv/a"


def test_a_content_whose_file_changes_is_found_in_another(
    catalog: Catalog, target: Target
) -> None:
    with catalog.write() as session:
        stored(session, "ref:/srv/a", A)
        stored(session, "ref:/srv/b", A)
    source = begin(catalog, target)
    note(
        catalog,
        target,
        source,
        file("a", reference="ref:/srv/a"),
        file("b", reference="ref:/srv/b"),
    )
    note(catalog, target, source, file("b", B, reference="ref:/srv/b"))
    assert pack_of(catalog, A) == "ref:/srv/a"


def test_a_copy_takes_the_place_of_a_reference_and_keeps_it(catalog: Catalog) -> None:
    for key in ("ref:/srv/a", "packs/p", "ref:/srv/b", "packs/q"):
        with catalog.write() as session:
            stored(session, key, A)
    assert pack_of(catalog, A) == "packs/p"


def test_contents_by_reference_are_walked_over_while_something_stands_for_them(
    catalog: Catalog, target: Target
) -> None:
    with catalog.write() as session:
        stored(session, "ref:/srv/a", A, B)
        items.put_items(session, target.collection_id or 0, [given("x", A)], revision=1)
    with catalog.read() as session:
        walked = contents.iter_contents(session, after="", limit=9)
    assert [one.sha256 for one in walked] == [A]


def test_a_deleted_collection_takes_its_sources_along(catalog: Catalog, target: Target) -> None:
    source = begin(catalog, target)
    note(catalog, target, source, file("a"))
    with catalog.write() as session:
        collections.delete_collection(session, "c")
    with catalog.read() as session:
        assert sources.known_files(session, source.id, target, ["a"]) == {}


def labels(catalog: Catalog, dataset_id: int, version: int | None) -> Sequence[tuple[str, str]]:
    with catalog.read() as session:
        found = datasets.list_examples(session, dataset_id, version=version)
    return sorted((one.item_id, one.label) for one in found)


def test_examples_are_replaced_and_removed_from_the_next_version_on(catalog: Catalog) -> None:
    with catalog.write() as session:
        dataset = datasets.create_dataset(session, "d")
        stored(session, "packs/p", A, B)
        first = [given("item_a", A, label="cat"), given("item_b", B, label="cat")]
        datasets.put_examples(session, dataset.id, first)
        datasets.seal_version(session, dataset.id, job_id="1", digest=A, labels={"cat": 2})
    target = Target(dataset_id=dataset.id)
    note(catalog, target, begin(catalog, target), file("a"), file("b", B))
    with catalog.write() as session:
        datasets.put_examples(session, dataset.id, [given("item_a", A, label="dog")])
    again = begin(catalog, target)
    with catalog.write() as session:
        sources.mark_seen(session, again, ["a"])
    assert end(catalog, again, target) == (1, 1)
    with catalog.write() as session:
        datasets.seal_version(session, dataset.id, job_id="2", digest=B, labels={"dog": 1})
        assert datasets.count_labels(session, dataset.id, version=1) == {"cat": 2}
        assert datasets.count_labels(session, dataset.id, version=2) == {"dog": 1}
    assert labels(catalog, dataset.id, 1) == [("item_a", "cat"), ("item_b", "cat")]
    assert (
        labels(catalog, dataset.id, 2) == labels(catalog, dataset.id, None) == [("item_a", "dog")]
    )


def test_an_example_that_was_never_sealed_is_replaced_in_place(catalog: Catalog) -> None:
    with catalog.write() as session:
        dataset = datasets.create_dataset(session, "d")
        stored(session, "packs/p", A)
        for label in ("cat", "dog", "dog"):
            datasets.put_examples(session, dataset.id, [given("x", A, label=label)])
    assert labels(catalog, dataset.id, None) == [("x", "dog")]
