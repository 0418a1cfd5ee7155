from zoo.catalog import Catalog, features

A, B, C = (letter * 64 for letter in "abc")


def reserve(catalog: Catalog, shard_id: int, *sha256s: str, space_id: str = "s") -> frozenset[str]:
    with catalog.write() as session:
        return features.reserve_forwards(
            session, space_id=space_id, shard_id=shard_id, sha256s=sha256s
        )


def test_a_content_is_reserved_for_one_shard(catalog: Catalog) -> None:
    assert reserve(catalog, 1, A, B) == {A, B}
    assert reserve(catalog, 2, B, C) == {C}


def test_a_shard_that_asks_again_keeps_what_it_had(catalog: Catalog) -> None:
    reserve(catalog, 1, A)
    assert reserve(catalog, 1, A, B) == {A, B}


def test_spaces_do_not_wait_for_each_other(catalog: Catalog) -> None:
    reserve(catalog, 1, A)
    assert reserve(catalog, 2, A, space_id="other") == {A}


def test_what_is_released_may_be_reserved(catalog: Catalog) -> None:
    reserve(catalog, 1, A)
    with catalog.write() as session:
        features.release_forwards(session, [1])
    assert reserve(catalog, 2, A) == {A}


def test_a_known_space_stays_as_it_is(catalog: Catalog) -> None:
    with catalog.write() as session:
        features.add_space(session, "s", model="first", dim=2, description={})
        features.add_space(session, "s", model="second", dim=3, description={})
        features.add_segment(session, space_id="s", key="segments/a", sha256=A, n_rows=1, dim=2)
        [segment] = features.list_segments(session)
        assert features.get_segments(session, [segment.id, 99]) == {segment.id: segment}
