from importlib.metadata import PackageNotFoundError

import pytest

from zoo.supervisor import parts


def test_nothing_is_missing_here() -> None:
    assert list(parts.complaints()) == []


def test_each_missing_part_is_named_with_what_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "find_spec", lambda _name: None)

    assert list(parts.complaints()) == [
        "torch is not installed, so no model can run; "
        "get it with: pip install 'featurezoo[worker]'",
        "faiss is not installed, so no collection can be searched; "
        "get it with: pip install 'featurezoo[cpu]'",
    ]


def test_two_builds_of_faiss_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> str:
        if name == "faiss-gpu":
            raise PackageNotFoundError(name)
        return name

    monkeypatch.setattr(parts, "distribution", find)

    assert list(parts.complaints()) == [
        "faiss-cpu and faiss-gpu-cuvs are installed over each other; uninstall all of them, "
        "then: pip install 'featurezoo[cpu]' or 'featurezoo[gpu]'"
    ]
