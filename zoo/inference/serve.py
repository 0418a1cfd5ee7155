"""Runs the predictor: `python -m zoo.inference.serve`, a thread for each connection."""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from zoo import leash, logs
from zoo.connections import UNIX
from zoo.devices import cuda_devices
from zoo.errors import StartError
from zoo.inference.guarding import limits_of
from zoo.inference.listening import Listening, listen
from zoo.inference.predictor import create_predictor
from zoo.settings import Settings, load_settings

CANNOT_START = 2
_GRACE_S = 5.0


class Stopped(BaseException):
    """The process was told to stop; no `except Exception` on the way takes it for a failure."""


def serve(listener: socket.socket, settings: Settings) -> None:
    """Answer until told to stop, then answer what was asked already."""
    app = create_predictor(settings, limits_s=limits_of(settings))
    listening = Listening(listener, answer=app.answer)
    try:
        listening.run()
    except Stopped:
        listening.stop(grace_s=_GRACE_S)
    finally:
        app.close()


def main() -> None:
    """Serve until told to stop."""
    leash.hold()
    logs.start(process="predictor")
    try:
        settings = load_settings()
        cuda_devices(settings)
        url = settings.resolved_predictor_url
        listener = listen(url)
    except StartError as error:
        sys.stderr.write(f"{error.detail}\n")
        raise SystemExit(CANNOT_START) from error
    with suppress(Stopped):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _stop)
        serve(listener, settings)
    if url.startswith(UNIX):
        Path(url.removeprefix(UNIX)).unlink(missing_ok=True)
    sys.stderr.flush()
    os._exit(0)  # a thread that still loads or forwards would be cut off in the middle of C++


def _stop(_number: int, _frame: object) -> None:
    raise Stopped


if __name__ == "__main__":
    main()
