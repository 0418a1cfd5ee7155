"""Names and numbers that are given out once, however many ask for them at the same moment."""

from collections.abc import Sequence

from tests.rivals import N_RIVALS, SPACE, at_once, content
from zoo.catalog import (
    Catalog,
    Session,
    collections,
    contents,
    datasets,
    jobs,
    models,
    sources,
    workers,
)
from zoo.catalog.records import InputRecord
from zoo.catalog.sources import Target
from zoo.jobs.ledger import create_job

N = N_RIVALS


def store(catalog: Catalog, n: int) -> list[str]:
    given = [content(number) for number in range(n)]
    with catalog.write() as session:
        pack_ids = contents.add_packs(session, {"packs/one": n})
        contents.add_contents(session, given, pack_ids=pack_ids)
    return [one.sha256 for one in given]


def test_revisions_of_a_collection_are_given_out_once(
    rivals: Sequence[Catalog], collection_id: int
) -> None:
    def move(catalog: Catalog, _: int) -> list[int | None]:
        moved = []
        for _ in range(10):
            with catalog.write() as session:
                moved.append(collections.next_revision(session, collection_id))
        return moved

    given = at_once(rivals, move)

    assert sorted(one for some in given for one in some if one) == list(range(1, 10 * N + 1))


def test_versions_of_a_new_model_are_numbered_one_after_the_other(
    rivals: Sequence[Catalog],
) -> None:
    def register(catalog: Catalog, number: int) -> int:
        with catalog.write() as session:
            return add_version(session, number)

    assert sorted(at_once(rivals, register)) == list(range(1, N + 1))


def add_version(session: Session, number: int) -> int:
    values = {
        "backbone": "lite.a",
        "space_id": SPACE,
        "blob_key": f"versions/{number}",
        "sha256": "0" * 64,
        "size_bytes": 1,
        "labels": ["a"],
        "lineage": {},
        "metrics": {},
        "job_id": f"job_{number}",
    }
    return models.add_version(session, "pets", card={}, values=values).version


def test_an_alias_moved_at_once_has_a_history_without_gaps(rivals: Sequence[Catalog]) -> None:
    with rivals[0].write() as session:
        for number in range(N):
            add_version(session, number)
        model = models.get_model(session, "pets")
    assert model is not None

    def move(catalog: Catalog, number: int) -> None:
        with catalog.write() as session:
            models.move_alias(session, model.id, "champion", version=number + 1)

    at_once(rivals, move)

    with rivals[0].read() as session:
        moves = list(models.alias_history(session, model.id, "champion"))[::-1]
        now = models.get_alias(session, model.id, "champion")
    assert [one.from_version for one in moves] == [None, *(one.to_version for one in moves[:-1])]
    assert now == moves[-1].to_version


def test_a_sealed_version_counts_just_what_it_holds(rivals: Sequence[Catalog]) -> None:
    with rivals[0].write() as session:
        dataset = datasets.create_dataset(session, "d")
    sha256s = store(rivals[0], 40)

    def act(catalog: Catalog, number: int) -> None:
        for turn in range(5):
            with catalog.write() as session:
                if number % 2:
                    put_example(session, dataset.id, f"{number}-{turn}", sha256s[turn])
                    continue
                datasets.lock_dataset(session, dataset.id)
                held = datasets.list_examples(session, dataset.id, version=None)
                job_id = f"job_{number}_{turn}"
                labels = {"cat": len(held)}
                datasets.seal_version(session, dataset.id, job_id=job_id, digest="", labels=labels)

    at_once(rivals, act)

    n_versions = 5 * (N // 2)
    with rivals[0].read() as session:
        for number in range(1, n_versions + 1):
            version = datasets.get_version(session, "d", number)
            assert version is not None
            counted = datasets.count_labels(session, dataset.id, version=number)
            assert version.n_items == counted.get("cat", 0)


def put_example(session: Session, dataset_id: int, item_id: str, sha256: str) -> None:
    if datasets.has_dataset(session, dataset_id):
        one = InputRecord(
            pk=0,
            position=0,
            name=item_id,
            item_id=item_id,
            label="cat",
            split=None,
            metadata={},
            sha256=sha256,
            state="queued",
            error_code=None,
            error_detail=None,
        )
        datasets.put_examples(session, dataset_id, [one])


def test_a_dataset_deleted_while_it_is_added_to_is_gone_with_all_of_it(
    rivals: Sequence[Catalog],
) -> None:
    sha256s = store(rivals[0], 1)
    for turn in range(5):
        with rivals[0].write() as session:
            dataset = datasets.create_dataset(session, f"d{turn}")

        def act(catalog: Catalog, number: int, dataset=dataset) -> None:
            with catalog.write() as session:
                if number == 0:
                    datasets.delete_dataset(session, dataset.name)
                else:
                    put_example(session, dataset.id, f"{number}", sha256s[0])

        at_once(rivals, act)

        with rivals[0].read() as session:
            assert datasets.list_examples(session, dataset.id, version=None) == []


def test_a_name_made_by_all_at_once_is_made_by_one(rivals: Sequence[Catalog]) -> None:
    def put(catalog: Catalog, _: int) -> bool:
        def make(session: Session) -> bool:
            if datasets.get_dataset(session, "d"):
                return False
            datasets.create_dataset(session, "d")
            return True

        return catalog.transact(make)

    assert sorted(at_once(rivals, put)) == [False] * (N - 1) + [True]


def test_an_idempotency_key_names_one_job_however_many_send_it(rivals: Sequence[Catalog]) -> None:
    def send(catalog: Catalog, _: int) -> str:
        def once(session: Session) -> str:
            known = jobs.recall_key(session, "key")
            if known:
                return known[1]
            job = create_job(session, "describe", {"plugin": "lite"}, work={})
            jobs.remember_key(session, "key", fingerprint="f", job_id=job.id)
            return job.id

        return catalog.transact(once)

    assert len(set(at_once(rivals, send))) == 1


def test_one_keeper_takes_a_free_lease_and_one_renews_it(rivals: Sequence[Catalog]) -> None:
    def take(catalog: Catalog, number: int, seen: tuple[str, int] | None = None) -> bool:
        with catalog.write() as session:
            return workers.take_lease(session, "keeper", holder=f"k{number}", seen=seen)

    assert sum(at_once(rivals, take)) == 1
    with rivals[0].read() as session:
        seen = workers.read_lease(session, "keeper")
    assert sum(at_once(rivals, lambda c, n: take(c, n, seen))) == 1


def test_ids_that_jobs_name_are_given_once(catalog: Catalog, collection_id: int) -> None:
    def make(name: str) -> tuple[int, int, int, int]:
        with catalog.write() as session:
            made = collections.create_collection(
                session, name, model="lite.a", metric="cosine", space_id=SPACE
            )
            dataset = datasets.create_dataset(session, name)
            source = sources.begin_scan(session, Target(dataset_id=dataset.id), "/srv")
            return made.id, made.generation_id, dataset.id, source.id

    first = make("first")
    with catalog.write() as session:
        collections.delete_collection(session, "first")
        datasets.delete_dataset(session, "first")

    assert all(new > old for new, old in zip(make("second"), first, strict=True))
    assert collection_id < first[0]
