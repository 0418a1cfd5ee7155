"""A version with the report of a real evaluation, as the workers register one."""

from typing import Any

import numpy as np

from zoo.catalog import Catalog, models
from zoo.training.head_only import fit_and_evaluate
from zoo.training.reports import report_json
from zoo.training.samples import Sample

N = 90


def make_report(*, labels: tuple[str, ...] = ("cat", "dog", "eel", "fox")) -> dict[str, Any]:
    """The report of a small head whose dark pictures are told apart less well."""
    rng = np.random.default_rng(0)
    targets = np.arange(N * len(labels)) % len(labels)
    is_dark = rng.random(len(targets)) < 0.3
    spread = np.where(is_dark, 1.2, 0.2)[:, np.newaxis]
    features = np.eye(len(labels))[targets] + spread * rng.standard_normal(
        (len(targets), len(labels))
    )
    fitted = fit_and_evaluate(
        features.astype(np.float32),
        [labels[target] for target in targets],
        keys=[f"{place:04d}" for place in range(len(targets))],
        given_splits=[None] * len(targets),
        seed=0,
        l2=1.0,
        samples=[
            Sample(item_id=f"i{place}", name=f"{place}.jpg", metadata={"light": light})
            for place, light in enumerate(np.where(is_dark, "dark", "bright").tolist())
        ],
    )
    return report_json(
        fitted.evaluation,
        calibration=fitted.calibration,
        examples=fitted.classes,
        suspects=fitted.suspects,
        unfamiliarity=0.5,
        training={"strategy": "head_only", "l2": fitted.l2},
        warnings=["a warning"],
    )


def register_reported(catalog: Catalog, name: str, **more: Any) -> dict[str, Any]:
    """The next version of a user's model with its report, on `lite.tiny.bare`; the report."""
    report = make_report()
    values = {
        "backbone": "lite.tiny.bare",
        "space_id": "5" * 64,
        "blob_key": f"versions/{name}",
        "sha256": "0" * 64,
        "size_bytes": 1,
        "labels": ["cat", "dog", "eel", "fox"],
        "lineage": {},
        "metrics": report["metrics"],
        "report": report,
        "job_id": f"job_{name}",
        **more,
    }
    with catalog.write() as session:
        models.add_version(session, name, card={"backbone": values["backbone"]}, values=values)
    return report
