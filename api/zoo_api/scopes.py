"""What a route asks of a key: said at the view where it is not what the method tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from flask import Flask

View = TypeVar("View", bound=Callable[..., Any])
Scope = Literal["read", "submit", "admin"]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN = frozenset(
    {
        "documentation.show_docs",
        "documentation.show_docs_asset",
        "documentation.show_openapi",
        "system.show_service",
        "system.is_alive",
        "system.is_ready",
        "sessions.sign_in",
        "sessions.sign_out",
    }
)
"""The endpoints that never ask for a key; they tell nothing of what the service holds."""

UNLIMITED = frozenset({"system.is_alive", "system.is_ready"})
"""The endpoints that watchers ask all the time; a limit on requests does not count them."""


def needs(scope: Scope) -> Callable[[View], View]:
    """Mark a view as needing a scope; without a mark it is `read` to GET and `submit` else."""

    def mark(view: View) -> View:
        view.needed_scope = scope  # type: ignore[attr-defined]  # read by `scope_of` alone
        return view

    return mark


def scope_of(app: Flask, endpoint: str | None, method: str) -> str:
    """The scope that a request needs; an address that does not exist needs one too."""
    by_method = "read" if method in SAFE_METHODS else "submit"
    view = app.view_functions.get(endpoint or "")
    scope: str = getattr(view, "needed_scope", by_method)
    return scope
