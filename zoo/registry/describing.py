"""The process in which a plugin describes itself: `python -m zoo.registry.describing NAME`.

It writes one JSON document to its standard output; whatever the plugin prints goes to standard
error, and the size of either is limited by the kernel.
"""

from __future__ import annotations

import json
import os
import resource
import sys

from zoo.backbone import Card
from zoo.errors import PluginError, WeightsUnavailableError
from zoo.registry.cards import check_cards
from zoo.registry.description import Description, description_to_json
from zoo.registry.plugins import load_plugin

_PACKAGES = {"PIL": "pillow", "cv2": "opencv-python", "sklearn": "scikit-learn", "yaml": "pyyaml"}
"""Modules whose distribution on PyPI has another name."""


def describe(name: str) -> Description:
    """Import the plugin and collect its cards; whatever goes wrong becomes the reason."""
    try:
        cards = _cards(name)
    except ImportError as error:
        return _unavailable(name, error)
    except WeightsUnavailableError as error:
        return Description(state="unavailable", reason=error.detail)
    except PluginError as error:
        if isinstance(error.__cause__, ImportError):
            return _unavailable(name, error.__cause__)
        return Description(state="broken", reason=error.detail)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a stranger's code
        reason = f"plugin {name!r} could not describe itself: {type(error).__name__}: {error}"
        return Description(state="broken", reason=reason)
    return Description(state="ready", cards=cards)


def _cards(name: str) -> tuple[Card, ...]:
    return check_cards(name, load_plugin(name).describe())


def _unavailable(name: str, error: ImportError) -> Description:
    module = (error.name or "").partition(".")[0]
    remedy = f"; pip install {_PACKAGES.get(module, module)}" if module else ""
    return Description(
        state="unavailable", reason=f"plugin {name!r} needs what is not installed: {error}{remedy}"
    )


def _claim_stdout() -> int:
    """A private descriptor of our standard output; descriptor 1 is standard error from now on."""
    own = os.dup(1)
    os.dup2(2, 1)
    return own


def main(name: str, max_bytes: str) -> None:
    """Describe the named plugin on standard output."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(max_bytes) + 1, int(max_bytes) + 1))
    output = _claim_stdout()
    text = json.dumps(description_to_json(describe(name)))
    with os.fdopen(output, "w") as stream:
        stream.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
