"""Runs a module as a program on our leash: `python -m zoo.held MODULE ARGUMENTS...`.

The leash is held before the module imports anything: some libraries take half a minute, for which
nothing would end the process if the one that started it was killed.
"""

import runpy
import sys

from zoo import leash


def main(module: str, *arguments: str) -> None:
    """Hold on, then be the module."""
    leash.hold()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
