"""All checks, one after the other: one that breaks says so and hides no other."""

from __future__ import annotations

from collections.abc import Iterator

from zoo.errors import ZooError
from zoo.settings import Settings
from zoo.supervisor.doctor import machine, service
from zoo.supervisor.doctor.findings import Check, Finding, fail


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything that a newcomer or an operator would look at; nothing is changed."""
    for check in (*machine.CHECKS, *service.CHECKS):
        yield from _checked(check, settings)


def _checked(check: Check, settings: Settings) -> Iterator[Finding]:
    name = check.__name__.removeprefix("check_").replace("_", " ")
    try:
        yield from check(settings)
    except ZooError as error:
        yield fail(name, error.detail, remedy="see docs/operating.md")
    except Exception as error:  # noqa: BLE001 - whatever a strange machine makes of a check
        said = f"it cannot be looked at: {type(error).__name__}: {error}"
        yield fail(name, said, remedy="see docs/operating.md")
