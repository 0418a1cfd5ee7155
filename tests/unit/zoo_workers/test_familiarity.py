from pathlib import Path

import numpy as np
import pytest

from tests.serving import to_detail
from tests.workplace import Workplace
from zoo.inference.exports import HEAD, Export, write_export
from zoo.predictor import BackboneRef
from zoo.storage.blobs import file_sha256
from zoo.training.heads import Head, write_head
from zoo_workers.familiarity import measure_unfamiliarity

DETAIL = to_detail(BackboneRef(plugin="lite", architecture="tiny", weights="in1k"))
SPACE = DETAIL.space.space_id
VECTORS = np.ones((5, 2), np.float32)


@pytest.fixture
def head_file(place: Workplace) -> Path:
    """The native head of an export, which answers with one of a hundred labels by lot."""
    folder = place.context.settings.home / "engines" / SPACE
    folder.mkdir(parents=True)
    labels = tuple(f"l{n}" for n in range(100))
    head = Head(
        matrix=np.zeros((100, 2), np.float32), bias=np.zeros(100, np.float32), labels=labels
    )
    write_head(folder / HEAD, head, {})
    write_export(
        Export(folder=folder, detail=DETAIL, reason="x", head_sha256=file_sha256(folder / HEAD))
    )
    return folder / HEAD


@pytest.mark.usefixtures("head_file")
def test_the_native_head_of_an_export_is_asked(place: Workplace) -> None:
    found = measure_unfamiliarity(place.context, VECTORS, space_id=SPACE)
    assert found == pytest.approx(1)


def test_a_damaged_or_missing_head_is_not(place: Workplace, head_file: Path) -> None:
    head_file.write_bytes(head_file.read_bytes()[:-4] + b"\x00\x00\x80\x3f")
    assert measure_unfamiliarity(place.context, VECTORS, space_id=SPACE) is None
    head_file.unlink()
    assert measure_unfamiliarity(place.context, VECTORS, space_id=SPACE) is None


def test_where_nothing_was_exported_nothing_is_known(place: Workplace) -> None:
    assert measure_unfamiliarity(place.context, VECTORS, space_id=SPACE) is None
