"""`python -m zoo_transformers`: which folders are served under which name, and why others not."""

from __future__ import annotations

import sys

from zoo_transformers.families import PLUGIN
from zoo_transformers.folders import find_models


def main() -> None:
    """A line for each folder."""
    found = find_models()
    for model in found.served:
        sys.stdout.write(f"{PLUGIN}.{model.architecture}  {model.folder}\n")
    for one in found.left_out:
        sys.stdout.write(f"left out  {one.folder}: {one.reason}\n")


if __name__ == "__main__":
    main()
