"""What may stand in an address beside names."""

from __future__ import annotations

from werkzeug.routing import IntegerConverter


class VersionNumber(IntegerConverter):
    """A version's number; one that no database could hold is no address at all."""

    regex = "[0-9]{1,9}"
