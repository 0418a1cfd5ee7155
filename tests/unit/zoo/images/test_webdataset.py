from collections.abc import Mapping

from zoo.images.archives import FailedMember, Member
from zoo.images.attributes import NOTHING, Attributes
from zoo.images.webdataset import join_samples, without_key


def joined(files: Mapping[str, bytes]) -> list[Member | FailedMember]:
    return list(join_samples(Member(name=name, content=it) for name, it in files.items()))


def test_companions_describe_the_picture_beside_them() -> None:
    found = joined(
        {
            "train/0001.cls": b"7\n",
            "train/0001.jpg": b"a",
            "train/0001.json": b'{"year": 1999, "split": "test"}',
            "train/0002.jpg": b"b",
            "train/0002.txt": "ein Schäfer".encode(),
        }
    )
    assert found == [
        Member(
            name="train/0001.jpg",
            content=b"a",
            attributes=Attributes(
                item_id="0001",
                label="7",
                split="test",
                metadata={"year": 1999, "__key__": "train/0001"},
            ),
        ),
        Member(
            name="train/0002.jpg",
            content=b"b",
            attributes=Attributes(
                item_id="0002", metadata={"txt": "ein Schäfer", "__key__": "train/0002"}
            ),
        ),
    ]


def test_members_without_companions_come_as_they_are() -> None:
    files = {"a.jpg": b"1", "a.png": b"2", "b.txt": b"3", "c.json": b"4", "d/e.cls": b"5"}
    assert joined(files) == [
        Member(name=name, content=content, attributes=NOTHING) for name, content in files.items()
    ]


def test_several_pictures_of_a_sample_share_what_is_said_but_no_id() -> None:
    found = joined({"1.left.jpg": b"l", "1.right.jpg": b"r", "1.json": b'{"id": "x", "n": 2}'})
    said = Attributes(metadata={"n": 2, "__key__": "1"})
    assert found == [
        Member(name="1.left.jpg", content=b"l", attributes=said),
        Member(name="1.right.jpg", content=b"r", attributes=said),
    ]


def test_an_id_of_its_own_goes_before_the_key() -> None:
    [found] = joined({"1.jpg": b"a", "1.json": b'{"id": "own"}'})
    assert isinstance(found, Member)
    assert found.attributes.item_id == "own"
    assert without_key(found.attributes) == found.attributes


def test_a_key_that_no_id_may_be_leaves_the_id_to_the_zoo() -> None:
    [found] = joined({"a b.jpg": b"a", "a b.cls": b"1"})
    assert isinstance(found, Member)
    assert (found.attributes.item_id, found.attributes.label) == (None, "1")


def test_tars_side_by_side_may_count_alike() -> None:
    [found] = joined({"1.jpg": b"a", "1.cls": b"1"})
    assert isinstance(found, Member)
    assert found.attributes.item_id == "1"
    assert without_key(found.attributes).item_id is None


def test_a_companion_that_cannot_be_read_fails_its_sample_alone() -> None:
    first, second = joined({"1.jpg": b"a", "1.json": b"{", "2.jpg": b"b", "2.cls": b"x"})
    assert first == FailedMember(
        name="1.jpg",
        code="invalid_manifest_row",
        detail=(
            "1.json, which describes it, cannot be read: Expecting property name enclosed in "
            "double quotes: line 1 column 2 (char 1)"
        ),
    )
    assert isinstance(second, Member)


def test_a_failed_picture_stays_failed() -> None:
    failed = FailedMember(name="1.jpg", code="file_too_large", detail="x")
    assert list(join_samples([failed, Member(name="1.cls", content=b"1")])) == [failed]


def test_a_stem_with_hundreds_of_members_is_no_sample() -> None:
    files = {f"1.{number}.jpg": b"x" for number in range(300)} | {"1.cls": b"1"}
    assert len(joined(files)) == 301
