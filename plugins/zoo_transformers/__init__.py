"""Text encoders, vision transformers and models of both from folders of this machine.

A plugin of FeatureZoo on the library `transformers`.
"""

from zoo_transformers.plugin import TransformersPlugin

__all__ = ["plugin"]

plugin = TransformersPlugin()
