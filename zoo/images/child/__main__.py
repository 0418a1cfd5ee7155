"""Where the child begins: `python -I __main__.py ARENA_FD ARENA_BYTES MEMORY_BYTES MAX_PIXELS S`.

Isolated, it knows no PYTHONPATH: it is told where its own package lies, and for no longer than it
takes to find it, so that nothing beside it is taken for a part of the standard library.
"""

import sys
from importlib import import_module
from pathlib import Path

OURS = str(Path(__file__).resolve().parents[3])
sys.path.insert(0, OURS)
import_module("zoo.images.child")
sys.path.remove(OURS)
serving = import_module("zoo.images.child.serving")

if __name__ == "__main__":
    serving.main()
