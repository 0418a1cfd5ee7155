"""A labelled folder as one archive, so that it becomes one version of a dataset."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

from zoo.client.uploads import IMAGE_SUFFIXES
from zoo.errors import InvalidError

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".jsonl", ".parquet"})


def pack_folder(folder: Path, archive: Path) -> int:
    """Write the pictures and tables below `folder` to a zip, named from there; how many.

    Raises `InvalidError` if there are none, or for one that cannot be read or named.
    """
    wanted = IMAGE_SUFFIXES | TABLE_SUFFIXES
    files = [
        file
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in wanted and file.is_file()
    ]
    if not files:
        raise InvalidError(
            f"the folder {folder} holds no picture and no table; a dataset's has a folder of "
            "pictures for each label, or a table with a column 'path'",
            code="no_files",
        )
    # Pictures are compressed already. Dates before 1980 are taken for 1980.
    with ZipFile(archive, "w", ZIP_STORED, strict_timestamps=False) as packed:
        for file in files:
            _pack(packed, file, file.relative_to(folder).as_posix())
    return len(files)


def _pack(packed: ZipFile, file: Path, name: str) -> None:
    try:
        packed.write(file, name)
    except UnicodeEncodeError as error:
        raise InvalidError(
            f"the name of {name!r} is not UTF-8; rename it", code="invalid_name"
        ) from error
    except OSError as error:
        raise InvalidError(
            f"the file {name!r} cannot be read: {error.strerror}", code="unreadable_file"
        ) from error
