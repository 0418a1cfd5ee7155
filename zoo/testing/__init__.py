"""What tests of plugins and of programs around the service import; shipped with the wheel.

`zoo.testing.plugin` has the fixtures (pytest finds them by itself where featurezoo is installed),
`pictures` and `tiny` make inputs and a backbone, `service` is the service in one process, and
`contract` holds a plugin against all that it has promised.
"""
