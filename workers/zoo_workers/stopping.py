"""What long work raises when its job is being cancelled, and how it finds that out."""

from __future__ import annotations

from zoo.catalog import Session, jobs
from zoo.jobs.ledger import Claim


class CancelledWorkError(Exception):
    """The job was asked to stop; who runs the shard ends it."""


def stop_if_cancelled(session: Session, claim: Claim) -> None:
    """Raise `CancelledWorkError` if the job of a claim is to stop."""
    job = jobs.get_job(session, claim.job.id)
    if job is None or job.state == "cancelling":
        raise CancelledWorkError
