"""Collecting garbage: what was deleted goes from the disk too, while the service runs."""

from zoo.garbage.collecting import collect, open_grounds
from zoo.garbage.grounds import Collected, Grounds

__all__ = ["Collected", "Grounds", "collect", "open_grounds"]
