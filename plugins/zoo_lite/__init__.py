"""EfficientNet-Lite0, 1 and 2 with their ImageNet weights, as a plugin of FeatureZoo."""

from zoo_lite.plugin import LitePlugin

__all__ = ["plugin"]

plugin = LitePlugin()
