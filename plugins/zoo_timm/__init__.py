"""Every architecture and weights tag of timm, as a plugin of FeatureZoo."""

from zoo_timm.plugin import TimmPlugin

__all__ = ["plugin"]

plugin = TimmPlugin()
