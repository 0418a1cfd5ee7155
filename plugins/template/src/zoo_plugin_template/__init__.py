"""The plugin template of FeatureZoo."""

from zoo_plugin_template.plugin import FiltersPlugin

__all__ = ["plugin"]

plugin = FiltersPlugin()
