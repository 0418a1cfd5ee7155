"""One line an event on standard error: JSON for machines, plain for a person at a terminal."""

import logging
import os
import sys
from collections.abc import Callable
from typing import TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from zoo.settings import LogFormat

VARIABLE = "ZOO_LOG_FORMAT"
FOREIGN = ("gunicorn", "gunicorn.error", "gunicorn.access", "celery", "kombu", "py.warnings")
"""Libraries' loggers that some configure by themselves; theirs come out as ours, from WARNING."""


def start(process: str) -> None:
    """Set up logging for this process; `process` (api, keeper, ...) stands in every line.

    Whatever is bound with `structlog.contextvars` (job_id, request_id) is merged in.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _naming(process),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering = _rendering(sys.stderr)
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # one write a line, so that the lines of several processes do not mix
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = ProcessorFormatter(
        foreign_pre_chain=[*shared, _naming_logger],
        processors=[ProcessorFormatter.remove_processors_meta, *rendering],
    )
    _bridge(formatter)


def current_request() -> str | None:
    """The request id that is bound to the log here, if one is."""
    found = structlog.contextvars.get_contextvars().get("request_id")
    return None if found is None else str(found)


def take_over() -> None:
    """Undo what gunicorn or Celery did to their own loggers; call it in their start hooks."""
    for name in FOREIGN:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(logging.WARNING)


def _bridge(formatter: logging.Formatter) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    take_over()


def _rendering(stream: TextIO) -> list[Processor]:
    # From the environment: what is wrong with the settings has to be told in some form too.
    choice = os.environ.get(VARIABLE, "")
    is_plain = choice == LogFormat.PLAIN or (choice != LogFormat.JSON and stream.isatty())
    if is_plain:
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _naming(process: str) -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    # not a context variable: threads start with none
    def add_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**event, "process": process}

    return add_process


def _naming_logger(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {**event, "logger": event["_record"].name}
