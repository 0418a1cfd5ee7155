"""The workshop's one error."""


class CannotError(Exception):
    """Something that cannot be done, in one sentence."""
