from dataclasses import replace

import pytest

from zoo import keys
from zoo.errors import InvalidError

SECRET = b"s" * 32


def signed(digest: str = "a" * 64) -> keys.SessionClaim:
    value = keys.sign_session("0123456789abcdef", digest=digest, expires_at=100, secret=SECRET)
    claim = keys.read_session(value)
    assert claim is not None
    return claim


def test_a_key_is_its_id_and_256_random_bits_and_only_its_digest_is_to_be_kept() -> None:
    one, other = keys.make_key(), keys.make_key()

    assert keys.KEY.fullmatch(one.text)
    assert keys.id_of(one.text) == one.id
    assert len(bytes.fromhex(one.text.rpartition("_")[2])) * 8 == 256
    assert keys.is_digest(one.text, one.digest)
    assert not keys.is_digest(other.text, one.digest)
    assert not keys.is_digest(one.text, None)
    assert one.text.rpartition("_")[2] not in one.digest


@pytest.mark.parametrize(
    "text", ["", "zoo_", "zoo_1_2", "sk-1", f"zoo_{'0' * 16}_{'0' * 63}", "é"]
)
def test_what_is_no_key_has_no_id(text: str) -> None:
    assert keys.id_of(text) is None


def test_each_scope_includes_those_before_it() -> None:
    may = [(held, needed) for held in keys.SCOPES for needed in keys.SCOPES
           if keys.includes(held, needed)]  # fmt: skip

    assert may == [
        ("read", "read"),
        ("submit", "read"),
        ("submit", "submit"),
        ("admin", "read"),
        ("admin", "submit"),
        ("admin", "admin"),
    ]


def test_another_scope_is_refused() -> None:
    with pytest.raises(InvalidError) as caught:
        keys.check_scope("root")

    assert caught.value.detail == "there is no scope 'root'; use read, submit or admin"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[2J", "x" * 101])
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    with pytest.raises(InvalidError, match="use 1 to 100 characters that can be printed"):
        keys.check_key_name(name)


def test_a_session_is_believed_for_its_key_only() -> None:
    claim = signed()

    assert (claim.key_id, claim.expires_at) == ("0123456789abcdef", 100)
    assert keys.is_signed(claim, digest="a" * 64, secret=SECRET)
    assert not keys.is_signed(claim, digest="b" * 64, secret=SECRET)
    assert not keys.is_signed(claim, digest=None, secret=SECRET)
    assert not keys.is_signed(claim, digest="a" * 64, secret=b"t" * 32)


def test_a_session_that_was_changed_is_not_believed() -> None:
    later = replace(signed(), expires_at=10**9)
    of_no_key = signed(keys.NO_DIGEST)

    assert not keys.is_signed(later, digest="a" * 64, secret=SECRET)
    assert not keys.is_signed(of_no_key, digest=None, secret=SECRET)


@pytest.mark.parametrize("value", ["", "a.b.c", f"{'0' * 16}.-1.{'0' * 64}", f"{'0' * 16}.1."])
def test_what_is_no_session_says_nothing(value: str) -> None:
    assert keys.read_session(value) is None
