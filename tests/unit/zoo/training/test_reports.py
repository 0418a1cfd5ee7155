import json

from tests.reported import make_report


def test_a_report_has_everything_and_is_plain_json() -> None:
    report = make_report()
    assert json.loads(json.dumps(report, allow_nan=False)).keys() == {
        "metrics",
        "baseline",
        "classes",
        "confusion_matrix",
        "calibration",
        "slices",
        "worst_slice",
        "mistakes",
        "examples",
        "suspects",
        "unfamiliarity",
        "training",
        "warnings",
    }
    assert report["calibration"]["method"] == "cross_validation"
    assert report["calibration"]["ece"] == report["metrics"]["ece"]
    assert (report["worst_slice"]["field"], report["worst_slice"]["value"]) == ("light", "dark")
    assert report["training"]["strategy"] == "head_only"
    assert [one["label"] for one in report["examples"]] == ["cat", "dog", "eel", "fox"]
    assert report["warnings"] == ["a warning"]
