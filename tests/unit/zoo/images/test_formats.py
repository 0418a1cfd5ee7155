import pytest

from zoo.images.formats import media_type
from zoo.testing.pictures import picture


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"),
        ("AVIF", "image/avif"),
        ("MPO", "image/jpeg"),
    ],
)
def test_every_format_that_is_decoded_is_known_by_its_first_bytes(
    kind: str, expected: str
) -> None:
    assert media_type(picture(kind=kind)) == expected


@pytest.mark.parametrize("content", [b"", b"text", b"%PDF-1.7", b"RIFF\0\0\0\0WAVE"])
def test_other_bytes_are_of_no_format(content: bytes) -> None:
    assert media_type(content) is None
