"""What is known of a version beyond its figures: what its evaluation found."""

from __future__ import annotations

from zoo.catalog import Session, models
from zoo.catalog.records import Json, VersionRecord
from zoo.errors import NotFoundError
from zoo.registry.models import require_model, require_version


def require_report(session: Session, name: str, number: int) -> tuple[VersionRecord, Json]:
    """A version and its report; NotFoundError with code "no_report" if none was kept."""
    version = require_version(session, require_model(session, name).name, number)
    report = models.get_report(session, version.model, version.version)
    if report is None:
        raise NotFoundError(
            f"version {number} of model {version.model!r} was made before reports were kept; "
            "fine-tune again to get one",
            code="no_report",
        )
    return version, report
