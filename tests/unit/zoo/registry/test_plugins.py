import sys

import pytest

from zoo.backbone import Plugin
from zoo.errors import PluginError
from zoo.registry.plugins import InstalledPlugin, installed_plugins, load_plugin


def test_installed_plugins_are_found_without_importing_them(install):
    install("angry", "raise RuntimeError('imported')")

    found = {plugin.name: plugin for plugin in installed_plugins()}

    assert found["angry"] == InstalledPlugin(
        name="angry", distribution="zoo-angry", version="1.2", value="zoo_angry:plugin"
    )
    assert "zoo_angry" not in sys.modules


def test_both_plugins_of_one_name_are_found(install):
    install("twin", "", distribution="zoo-first")
    install("twin", "", distribution="zoo-second")

    twins = [plugin.distribution for plugin in installed_plugins() if plugin.name == "twin"]

    assert twins == ["zoo-first", "zoo-second"]
    with pytest.raises(PluginError) as caught:
        load_plugin("twin")
    assert caught.value.code == "duplicate_plugin"
    assert str(caught.value) == (
        "plugin 'twin' is installed 2 times, by zoo-first and zoo-second; uninstall all but one"
    )


def test_a_plugin_is_loaded_by_its_name(install):
    assert isinstance(load_plugin(install("works", "")), Plugin)


def test_a_plugin_that_is_not_installed_is_named():
    with pytest.raises(PluginError, match=r"^no plugin 'nobody' is installed$") as caught:
        load_plugin("nobody")

    assert caught.value.plugin == "nobody"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('boom')", "RuntimeError: boom"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import a_missing_module", "ModuleNotFoundError: No module named 'a_missing_module'"),
        ("del plugin", "AttributeError: module 'zoo_broken{}' has no attribute 'plugin'"),
    ],
)
def test_a_plugin_that_cannot_be_imported_gives_its_reason(install, code, reason):
    name = install(f"broken{abs(hash(code))}", code)

    with pytest.raises(PluginError) as caught:
        load_plugin(name)

    expected = reason.format(name.removeprefix("broken"))
    assert str(caught.value) == f"plugin {name!r} could not be imported: {expected}"


def test_something_else_than_a_plugin_is_refused(install):
    with pytest.raises(PluginError) as caught:
        load_plugin(install("number", "plugin = 7"))

    assert str(caught.value) == "plugin 'number' is a int without describe() and load()"
