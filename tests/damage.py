"""What may become of a file that lies on a disk for years."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

PAGE = 4096


def turn_a_bit(content: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(content)
    changed[int(random.integers(len(changed)))] ^= 1 << int(random.integers(8))
    return bytes(changed)


def cut(content: bytes, random: np.random.Generator) -> bytes:
    return content[: int(random.integers(len(content)))]


def lengthen(content: bytes, random: np.random.Generator) -> bytes:
    return content + bytes(1 + int(random.integers(9)))


def zero_a_page(content: bytes, random: np.random.Generator) -> bytes:
    """A page that holds something, or the half of a file that is smaller."""
    size = min(PAGE, len(content) // 2)
    places = [at for at in range(0, len(content) - size + 1, size) if any(content[at : at + size])]
    start = places[int(random.integers(len(places)))]
    return content[:start] + bytes(size) + content[start + size :]


Damage = Callable[[bytes, np.random.Generator], bytes]
CHANGES: Mapping[str, Damage] = MappingProxyType(
    {
        **{f"bit {number}": turn_a_bit for number in range(12)},
        **{f"cut {number}": cut for number in range(3)},
        "longer": lengthen,
        "page of zeros": zero_a_page,
    }
)
DAMAGES = (*CHANGES, "sibling", "gone")


def damage(name: str, path: Path, *, sibling: Path) -> None:
    """Do to a file what the name says."""
    if name == "gone":
        path.unlink()
    elif name == "sibling":
        path.write_bytes(sibling.read_bytes())
    else:
        random = np.random.default_rng(DAMAGES.index(name))
        path.write_bytes(CHANGES[name](path.read_bytes(), random))
