"""All the hostile and odd files, by the format that each claims."""

from collections.abc import Mapping
from types import MappingProxyType

from tests.hostile.bitmaps import BITMAPS, GIFS
from tests.hostile.cases import Case
from tests.hostile.jpegs import JPEGS
from tests.hostile.others import AVIFS, FOREIGN, STRANGERS, WEBPS
from tests.hostile.pngs import PNGS
from tests.hostile.tiffs import TIFFS

CATALOGUE: Mapping[str, tuple[Case, ...]] = MappingProxyType(
    {
        "PNG": PNGS,
        "JPEG": JPEGS,
        "GIF": GIFS,
        "BMP": BITMAPS,
        "TIFF": TIFFS,
        "WEBP": WEBPS,
        "AVIF": AVIFS,
        "foreign": FOREIGN,
        "stranger": STRANGERS,
    }
)
ALL: tuple[tuple[str, Case], ...] = tuple(
    (kind, one) for kind, cases in CATALOGUE.items() for one in cases
)
