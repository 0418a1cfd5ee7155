import io
import zipfile
from collections import Counter
from pathlib import Path

from PIL import Image

from zoo.cli.demo.digits import PER_LABEL, read_digits, write_archive


def test_the_archive_has_a_folder_of_pictures_for_each_digit(tmp_path: Path) -> None:
    digits = read_digits()
    write_archive(digits, tmp_path / "digits.zip")

    with zipfile.ZipFile(tmp_path / "digits.zip") as archive:
        labels = Counter(name.partition("/")[0] for name in archive.namelist())
        first = Image.open(io.BytesIO(archive.read(archive.namelist()[0])))

    assert labels == dict.fromkeys("0123456789", PER_LABEL)
    assert (first.size, first.mode) == ((64, 64), "L")


def test_the_digit_that_is_kept_back_is_in_no_split() -> None:
    digits = read_digits()

    assert digits.held_out.png not in {digit.png for digit in digits.examples}
    assert len(digits.held_out.drawing.splitlines()) == 8


def test_it_is_the_same_set_each_time() -> None:
    assert read_digits() == read_digits()
