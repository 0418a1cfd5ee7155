"""The process that examines: `python -m zoo.testing.contract.examining NAME [MODEL]...`.

It writes the report as JSON; whatever the plugin prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

from zoo.testing.contract.examination import examine
from zoo.testing.contract.report import Budget


def main(name: str, *models: str) -> None:
    """Examine the named plugin; all of its models or those named."""
    output = os.dup(1)
    os.dup2(2, 1)
    text = json.dumps(asdict(examine(name, models=models, budget=Budget())))
    with os.fdopen(output, "w") as stream:
        stream.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
