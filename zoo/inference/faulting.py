"""What it means when a network fails while it forwards: its plugin's fault, or the machine's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from zoo.devices import is_lost_gpu
from zoo.errors import PluginError, ZooError
from zoo.predictor import BackboneRef

SAID = ("allocate memory", "bad_alloc", "bad allocation", "out of memory")
"""What torch and ONNX Runtime say, in errors of no class of their own."""
LONGEST_SAID = 300
_LONGEST_LINE = 200
STREAMS = (0, 1, 2)


@contextmanager
def running_plugin(ref: BackboneRef) -> Iterator[None]:
    """As `naming_plugin`, where the plugin's own code runs, which may close what is not its."""
    with naming_plugin(ref), keeping_streams():
        yield


@contextmanager
def naming_plugin(ref: BackboneRef) -> Iterator[None]:
    """Raise `PluginError` for what a network raises, but for want of memory or of its GPU."""
    try:
        yield
    except ZooError:
        raise
    except (Exception, SystemExit) as error:  # a stranger's code: anything may come of it
        if is_short(error) or is_lost_gpu(error):
            raise
        said = str(error).partition("\n")[0][:LONGEST_SAID]
        raise faulty(ref, f"cannot forward: {type(error).__name__}: {said}") from error


@contextmanager
def keeping_streams() -> Iterator[None]:
    """Open standard input, output and error again if they were closed meanwhile.

    Else the next file or socket would take their numbers, and what is logged would end up in it.
    """
    copies = {stream: os.dup(stream) for stream in STREAMS if _is_open(stream)}
    try:
        yield
    finally:
        for stream, copy in copies.items():
            if not _is_open(stream):
                os.dup2(copy, stream)
            os.close(copy)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def faulty(ref: BackboneRef, what: str) -> PluginError:
    """The error for a network that does what it should not, and what to do about it."""
    return PluginError(
        f"model {ref.name!r} {what}; have the plugin {ref.plugin!r} mended, or use another model",
        plugin=ref.plugin,
    )


def is_short(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in SAID)


def first_line(error: Exception) -> str:
    """What it says first; libraries go on for pages."""
    return (str(error).strip().splitlines() or [""])[0][:_LONGEST_LINE]
