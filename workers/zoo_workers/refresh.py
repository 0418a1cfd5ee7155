"""Looking which plugins are installed now, on request."""

from __future__ import annotations

from zoo.jobs.expectation import NOT_READY, expect_plugins
from zoo.jobs.ledger import Claim, fence, succeed
from zoo_workers.context import Context


def run(context: Context, claim: Claim) -> None:
    """Have new plugins described; so are those that did not work, and those that were named."""
    asked = frozenset(claim.job.spec["plugins"])
    new = expect_plugins(context.catalog, context.settings, retried=NOT_READY, named=asked)
    with context.catalog.write() as session:
        fence(session, claim)
        succeed(session, claim, {"plugins": new})
