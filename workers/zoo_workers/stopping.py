"""What long work raises when its job is being cancelled."""

from __future__ import annotations


class CancelledWorkError(Exception):
    """The job was asked to stop; who runs the shard ends it."""
