"""The fixtures of `zoo.testing`, also where the project has not been installed anew."""

collect_ignore = ["downstream"]  # a project of its own; a test runs it
pytest_plugins = ["zoo.testing.plugin"]
