"""What a report knows of an example besides its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Sample:
    """How an example is named, and what its owner says of it."""

    item_id: str
    name: str
    metadata: Mapping[str, object] = field(default_factory=dict)  # JSON values
