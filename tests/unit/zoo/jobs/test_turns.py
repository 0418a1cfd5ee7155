"""Whose turn it is: jobs take turns at the workers, whatever message a worker was sent."""

from collections.abc import Callable

from tests.turning import announced, done, queued_shards, take
from zoo.catalog import Catalog, shards
from zoo.catalog.records import JobRecord
from zoo.jobs.ledger import claim, postpone
from zoo.jobs.patience import Patience

Submit = Callable[[int], JobRecord]


def postponed(catalog: Catalog, submit: Submit) -> int:
    """A shard that waits for its pause to end."""
    submit(1)
    [shard_id] = announced(catalog)
    patience = Patience(wait_s=60, least=2)
    postpone(catalog, take(catalog, shard_id).shard, code="c", detail="d", patience=patience)
    return shard_id


def test_a_small_job_has_its_turn_while_a_large_one_that_came_before_goes_on(
    catalog: Catalog, submit: Submit
) -> None:
    large = submit(100)
    messages = announced(catalog)
    assert len(messages) > 3
    began = [take(catalog, message).job.id for message in messages[:2]]
    small = submit(2)
    messages += announced(catalog)

    done_by = [take(catalog, message).job.id for message in messages[2:]]

    assert began == [large.id] * 2
    assert done_by.index(small.id) <= 2
    assert done_by.count(large.id) == len(messages) - 3


def test_a_large_job_goes_on_while_small_ones_keep_coming(
    catalog: Catalog, submit: Submit
) -> None:
    large = submit(60)
    messages = announced(catalog)
    n_shards, began = len(messages), []
    for _ in range(3 * n_shards):
        submit(1)
        submit(1)
        messages += announced(catalog)
        began += [take(catalog, messages.pop(0)).job.id for _ in range(2)]
    assert began.count(large.id) == n_shards


def test_large_jobs_take_turns(catalog: Catalog, submit: Submit) -> None:
    one, two = submit(40), submit(40)
    done_by = [take(catalog, message).job.id for message in announced(catalog)]
    assert done_by == [one.id, two.id] * (len(done_by) // 2)


def test_what_a_large_job_adds_later_comes_after_what_it_has(
    catalog: Catalog, submit: Submit
) -> None:
    large = submit(40)
    with catalog.write() as session:
        more = shards.add_shard(session, large.id, "embed", arguments={})
    small = submit(1)

    done_by = [take(catalog, message) for message in announced(catalog)]

    assert [one.job.id for one in done_by[:2]] == [large.id, small.id]
    assert done_by[-1].shard.id == more


def test_what_ends_a_job_comes_before_what_begins_others(catalog: Catalog, submit: Submit) -> None:
    first = submit(1)
    claimed = take(catalog, announced(catalog)[0])
    submit(1)
    messages = announced(catalog)
    done(catalog, claimed)
    messages += announced(catalog)

    found = take(catalog, messages[0])

    assert (found.job.id, found.shard.kind) == (first.id, "index")


def test_a_message_that_is_not_noted_as_sent_yet_is_good_for_its_own_shard(
    catalog: Catalog, submit: Submit
) -> None:
    submit(1)
    [earlier] = announced(catalog)
    submit(1)
    later = queued_shards(catalog)[-1]
    assert take(catalog, later).shard.id == later
    assert take(catalog, earlier).shard.id == earlier


def test_a_shard_that_waits_for_its_pause_to_end_is_not_taken(
    catalog: Catalog, submit: Submit
) -> None:
    shard_id = postponed(catalog, submit)
    assert claim(catalog, 99, worker_id="w", pid=1) is None
    submit(1)
    [other] = [one for one in announced(catalog) if one != shard_id]
    assert take(catalog, other).shard.id == other
    assert claim(catalog, other, worker_id="w", pid=1) is None


def test_a_message_that_was_left_over_does_not_end_a_pause(
    catalog: Catalog, submit: Submit
) -> None:
    shard_id = postponed(catalog, submit)
    assert claim(catalog, shard_id, worker_id="w", pid=1) is None
