"""The fixtures of `zoo.testing`, also where the project has not been installed anew."""

pytest_plugins = ["zoo.testing.plugin"]
