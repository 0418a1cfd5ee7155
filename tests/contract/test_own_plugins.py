"""Our own plugins keep what any plugin promises."""

from zoo.testing import tiny
from zoo.testing.contract import PluginContract


class TestLite(PluginContract):
    plugin = "lite"


class TestTiny(PluginContract):
    plugin = tiny.plugin
    name = "tiny"
