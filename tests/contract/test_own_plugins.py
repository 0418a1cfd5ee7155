"""Our own plugins keep what any plugin promises."""

from zoo.testing import tiny, tiny_texts
from zoo.testing.contract import PluginContract


class TestLite(PluginContract):
    plugin = "lite"


class TestTiny(PluginContract):
    plugin = tiny.plugin
    name = "tiny"


class TestTinyTexts(PluginContract):
    plugin = tiny_texts.plugin
    name = tiny_texts.NAME
