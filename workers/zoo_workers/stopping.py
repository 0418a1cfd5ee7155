"""What long work raises when it is to stop, for good or for a while, and how it finds that out."""

from __future__ import annotations

from zoo.catalog import Session, jobs
from zoo.jobs.ledger import Claim


class CancelledWorkError(Exception):
    """The job was asked to stop; who runs the shard ends it."""


class GivenWayError(Exception):
    """Other jobs waited too long; what was come to is kept, and the shard goes on later."""


def stop_if_cancelled(session: Session, claim: Claim) -> None:
    """Raise `CancelledWorkError` if the job of a claim is to stop."""
    job = jobs.get_job(session, claim.job.id)
    if job is None or job.state == "cancelling":
        raise CancelledWorkError
