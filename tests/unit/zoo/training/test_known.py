import hashlib

from zoo.training.known import are_packed, pack_contents

NAMES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(9)]


def test_contents_are_known_again_whatever_their_order() -> None:
    packed = pack_contents([NAMES[3], NAMES[1], NAMES[3]])
    assert packed == pack_contents([NAMES[1], NAMES[3]])
    assert len(packed) == 16
    assert are_packed(NAMES[:4], packed).tolist() == [False, True, False, True]
    assert are_packed([], packed).tolist() == []
