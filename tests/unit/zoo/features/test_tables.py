import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from zoo.errors import InvalidError
from zoo.features.tables import FeatureTable, write_table

MAPS = np.arange(48, dtype=np.float32).reshape(2, 2, 3, 4)


@pytest.fixture
def table() -> FeatureTable:
    # A layer may be called as an argument of numpy's own function is.
    return FeatureTable(
        ids=["a", "b"], names=["a.png", "ö"], labels=["cat", None], arrays={"file": MAPS}
    )


def test_an_npz_is_read_without_pickle(tmp_path: Path, table: FeatureTable) -> None:
    write_table(tmp_path / "t.npz", table, "npz")

    with np.load(tmp_path / "t.npz", allow_pickle=False) as found:
        assert sorted(found) == ["file", "ids", "labels", "names"]
        np.testing.assert_array_equal(found["file"], MAPS)
        assert found["ids"].tolist() == ["a", "b"]
        assert found["names"].tolist() == ["a.png", "ö"]
        assert found["labels"].tolist() == ["cat", ""]


def test_parquet_keeps_the_shape_of_a_row(tmp_path: Path, table: FeatureTable) -> None:
    write_table(tmp_path / "t.parquet", table, "parquet")

    found = pyarrow.parquet.read_table(tmp_path / "t.parquet")
    assert found["label"].to_pylist() == ["cat", None]
    tensors = found["file"].combine_chunks()
    assert tensors.type.shape == [2, 3, 4]
    np.testing.assert_array_equal(tensors.to_numpy_ndarray(), MAPS)


@pytest.mark.parametrize("kind", ["npz", "parquet"])
def test_the_same_table_is_the_same_bytes(tmp_path: Path, table: FeatureTable, kind: str) -> None:
    for name in ("first", "second"):
        write_table(tmp_path / name, table, kind)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_without_pyarrow_it_is_said_how_to_get_it(
    tmp_path: Path, table: FeatureTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "zoo.features.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(InvalidError) as caught:
        write_table(tmp_path / "t.parquet", table, "parquet")

    assert caught.value.code == "parquet_not_installed"
    assert str(caught.value) == (
        "features as Parquet need pyarrow (import of pyarrow halted; None in sys.modules); "
        "pip install 'featurezoo[parquet]'"
    )
