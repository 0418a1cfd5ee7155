"""torchvision's classification networks with their weight enums, as a plugin of FeatureZoo."""

from zoo_torchvision.plugin import TorchvisionPlugin

__all__ = ["plugin"]

plugin = TorchvisionPlugin()
