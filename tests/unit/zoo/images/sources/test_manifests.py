import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from zoo.errors import InvalidError
from zoo.images.attributes import Attributes
from zoo.images.sources import manifests
from zoo.images.sources.manifests import BadRow, Row, manifest_format, read_manifest

CSV = b"""path,id,label,split,name,year,ratio,is_wild,code,note
cats/a.jpg,cat:1,cat,train,Tom,1999,0.5,true,007,
cats/b.jpg,,cat,,,12345678901234567890,1e5,True,,"two
lines"
"""


def read(content: bytes, form: str = "csv", *, skip: int = 0) -> list[Row | BadRow]:
    return list(read_manifest(io.BytesIO(content), form, skip=skip))


def refusal(content: bytes, form: str = "csv") -> str:
    with pytest.raises(InvalidError) as caught:
        read(content, form)
    assert caught.value.code == "invalid_manifest"
    return caught.value.detail


def bad(content: bytes, form: str = "csv") -> list[tuple[int, str]]:
    return [(row.line, row.detail) for row in read(content, form) if isinstance(row, BadRow)]


def test_a_csv_s_cells_are_what_json_would_have() -> None:
    first, second = read(CSV)
    assert first == Row(
        number=1,
        line=2,
        path="cats/a.jpg",
        attributes=Attributes(
            item_id="cat:1",
            label="cat",
            split="train",
            name="Tom",
            metadata={"year": 1999, "ratio": 0.5, "is_wild": True, "code": "007"},
        ),
    )
    assert second == Row(
        number=2,
        line=4,
        path="cats/b.jpg",
        attributes=Attributes(
            label="cat",
            metadata={
                "year": "12345678901234567890",
                "ratio": "1e5",
                "is_wild": "True",
                "note": "two\nlines",
            },
        ),
    )


def test_a_label_is_a_text_even_if_it_looks_like_a_number() -> None:
    [row] = read(b"path,label,id\na.jpg,7,0012\n")
    assert isinstance(row, Row)
    assert (row.attributes.label, row.attributes.item_id) == ("7", "0012")


def test_json_lines_keep_their_types() -> None:
    lines = b'{"path": "a.jpg", "id": 5, "n": 1, "t": true, "x": null, "l": [1, {"a": 2.5}]}\n\n'
    [row] = read(lines, "jsonl")
    assert isinstance(row, Row)
    assert row.attributes.item_id == "5"
    assert row.attributes.metadata == {"n": 1, "t": True, "l": [1, {"a": 2.5}]}


def test_parquet_gives_the_same_rows() -> None:
    table = pyarrow.table(
        {
            "path": ["a.jpg", "b.jpg", None],
            "id": ["x", None, "z"],
            "year": [1999, None, 1],
            "ratio": [0.5, float("nan"), 1.0],
            "tags": [["a"], [], None],
            "price": [Decimal("1.50"), None, None],
            "at": [datetime(2026, 7, 1, tzinfo=UTC), None, None],
        }
    )
    file = io.BytesIO()
    parquet.write_table(table, file)
    first, second, third = read(file.getvalue(), "parquet")
    assert isinstance(first, Row)
    assert first.attributes.item_id == "x"
    assert first.attributes.metadata == {
        "year": 1999,
        "ratio": 0.5,
        "tags": ["a"],
        "price": 1.5,
        "at": "2026-07-01T00:00:00+00:00",
    }
    assert isinstance(second, Row)
    assert second.attributes.metadata == {"tags": []}
    assert third == BadRow(
        number=3, line=3, detail="it has no path; name a file below the manifest's folder"
    )


def test_moments_to_the_nanosecond_are_kept_to_the_microsecond() -> None:
    moment = pyarrow.scalar(1_700_000_000_123_456_789, pyarrow.timestamp("ns"))
    table = pyarrow.table(
        {
            "path": ["a.jpg"],
            "at": pyarrow.array([moment]),
            "utc": pyarrow.array([moment]).cast(pyarrow.timestamp("ns", tz="UTC")),
            "all": pyarrow.array([[moment]]),
            "in": pyarrow.array([{"at": moment}]),
            "noon": pyarrow.array([43_200_000_000_001], pyarrow.time64("ns")),
        }
    )
    file = io.BytesIO()
    parquet.write_table(table, file)
    [row] = read(file.getvalue(), "parquet")
    said = "2023-11-14T22:13:20.123456"
    assert row.attributes.metadata == {
        "at": said,
        "utc": f"{said}+00:00",
        "all": [said],
        "in": {"at": said},
        "noon": "12:00:00",
    }


def test_a_moment_beyond_all_years_breaks_the_manifest_off() -> None:
    beyond = pyarrow.array([2**62], pyarrow.timestamp("us"))
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"path": ["a.jpg"], "at": beyond}), file)
    assert refusal(file.getvalue(), "parquet").startswith("the manifest cannot be read: ")


def test_bytes_in_parquet_are_a_bad_row() -> None:
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"path": ["a.jpg"], "blob": [b"x"]}), file)
    assert bad(file.getvalue(), "parquet") == [(1, "a value of type bytes is no JSON")]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_reading_goes_on_after_any_row(form: str) -> None:
    paths = [f"{number}.jpg" for number in range(5)]
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"path": paths}), file)
    content = {
        "csv": "\n".join(["path", *paths]).encode(),
        "jsonl": "\n".join(f'{{"path": "{path}"}}' for path in paths).encode(),
        "parquet": file.getvalue(),
    }[form]
    rows = read(content, form)
    assert [row.number for row in rows] == [1, 2, 3, 4, 5]
    for row in rows:
        assert read(content, form, skip=row.number) == rows[row.number :]


@pytest.mark.parametrize(
    "path",
    ["../a.jpg", "/etc/passwd", "a/../../b.jpg", "a//b.jpg", "./../a.jpg", "a/."],
)
def test_a_path_that_leads_out_is_a_bad_row(path: str) -> None:
    [(line, detail)] = bad(f"path\n{path}\n".encode())
    assert line == 2
    assert detail.endswith("does not lie below the manifest's folder")


def test_bad_rows_are_told_one_by_one() -> None:
    rows = b'{"path": "a.jpg", "id": "a b"}\n[1]\n{"path"\n{"path": "b.jpg", "label": ["x"]}\n'
    assert bad(rows, "jsonl") == [
        (1, "the id 'a b' is not 1 to 128 of A-Z, a-z, 0-9, '_', '.', ':' and '-'"),
        (2, "it is no JSON object"),
        (3, "it is no JSON: Expecting ':' delimiter: line 2 column 1 (char 8)"),
        (4, "the label is \"['x']\"; it should be a text"),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (b'{"path": "a.jpg", "x": NaN}', "the metadata is no JSON: "),
        (b'{"path": "a.jpg", "x": "\\ud800"}', "the metadata is no JSON: "),
        (b'{"path": "a.jpg", "x": "\\u0000"}', "the metadata holds a NUL character"),
        (b'{"path": "a.jpg", "name": "\\u0000"}', "the name is not a text of at most 1000"),
        (
            b'{"path": "a\\ud800.jpg"}',
            "the path 'a\\ud800.jpg' cannot be used: its",
        ),
        (
            b'{"path": "a\\u0000.jpg"}',
            "the path 'a\\x00.jpg' cannot be used: its",
        ),
        (b'{"path": "a.jpg", "x": "%s"}' % (b"x" * 200_000), "the metadata has 200009 bytes; "),
    ],
)
def test_what_no_database_holds_is_a_bad_row(row: bytes, said: str) -> None:
    [(_, detail)] = bad(row, "jsonl")
    assert detail.startswith(said)


def test_a_row_with_too_many_cells_is_bad_and_one_with_fewer_is_not() -> None:
    content = b"path,label\na.jpg,cat,more\nb.jpg\n"
    assert bad(content) == [(2, "it has 3 cells, the header 2")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            b"name,label\na,b\n",
            "it has no column 'path' and no 'text'; its columns are 'name', 'label'",
        ),
        (b"", "it has no column 'path' and no 'text'; its columns are none"),
        (b"path,a,a\n", "two of its columns have the same name"),
        (b"path\n\xff\xfe\n", "it is not UTF-8 text"),
        (b'path\n"a', "unexpected end of data (line 2)"),
    ],
)
def test_a_csv_that_is_no_manifest_is_refused(content: bytes, reason: str) -> None:
    assert refusal(content) == f"the manifest cannot be read: {reason}"


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manifests, "LONGEST_LINE", 100)
    assert refusal(b"x" * 1000) == "the manifest cannot be read: a line has more than 100 bytes"


@pytest.mark.parametrize("size", [99, 100, 250])
def test_a_json_line_that_is_too_long_is_a_bad_row_and_the_others_are_read(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(manifests, "LONGEST_LINE", 100)
    line = b'{"text": "%s"}' % (b"x" * (size - 12))
    first, second = read(line + b'\n{"text": "y", "label": "a"}', "jsonl")
    assert isinstance(second, Row)
    assert second.line == 2
    if size < 100:
        assert isinstance(first, Row)
    else:
        assert first == BadRow(number=1, line=1, detail="a line has more than 100 bytes")


def test_the_longest_text_is_read_however_it_is_written() -> None:
    longest = 1_000_000
    for content, form in [
        (b"text,label\n%s,a\nshort,b\n" % (b"x" * longest), "csv"),
        (b'{"text": "%s", "label": "a"}\n{"text": "short"}' % (b"\\u0061" * longest), "jsonl"),
    ]:
        first, second = read(content, form)
        assert isinstance(first, Row)
        assert isinstance(second, Row)
        assert (len(first.text or ""), second.text) == (longest, "short")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 and nothing more PAR1"])
def test_a_parquet_that_is_none_is_refused(content: bytes) -> None:
    assert refusal(content, "parquet").startswith("the manifest cannot be read: ")


def test_a_parquet_without_paths_is_refused(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"file": ["a"]}), tmp_path / "m.parquet")
    assert refusal((tmp_path / "m.parquet").read_bytes(), "parquet") == (
        "the manifest cannot be read: it has no column 'path' and no 'text'; "
        "its columns are ['file']"
    )


def test_the_name_s_ending_says_the_format() -> None:
    endings = {"M.CSV": "csv", "a.tsv": "tsv", "a.ndjson": "jsonl", "x/a.pq": "parquet"}
    assert {name: manifest_format(name) for name in endings} == endings
    assert manifest_format("a.jpg") is None
    assert len(read(b"path\tlabel\na.jpg\tcat\n", "tsv")) == 1


def test_a_row_may_hold_a_text_in_the_place_of_a_path() -> None:
    [numeral, named] = read(b'text,label,name\n42,good,\n"so, so",bad,Tom\n')
    assert isinstance(numeral, Row)
    assert (numeral.text, numeral.path, numeral.name) == ("42", "", "row 1")
    assert numeral.attributes == Attributes(label="good", name="42")
    assert isinstance(named, Row)
    assert named.attributes == Attributes(label="bad", name="Tom")


def test_beside_a_path_a_text_is_metadata() -> None:
    [row] = read(b"path,text\na.jpg,a cat\n")
    assert isinstance(row, Row)
    assert (row.text, row.attributes.metadata) == (None, {"text": "a cat"})


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b"path,label,text\n,cat,stray\n", "csv"),
        (b"label,text,path\ncat,stray\n", "csv"),
        (b'{"path": null, "label": "cat", "text": "stray"}\n', "jsonl"),
    ],
)
def test_a_row_of_a_table_of_files_that_lacks_its_path_is_bad_and_no_text(
    content: bytes, form: str
) -> None:
    [(_, detail)] = bad(content, form)
    assert detail == "it has no path; name a file below the manifest's folder"


def test_a_text_of_another_type_is_a_bad_row() -> None:
    assert bad(b'{"text": 7, "label": "a"}\n', "jsonl") == [
        (1, "the text is '7'; it should be a text")
    ]
