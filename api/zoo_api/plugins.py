"""Plugins: who gives backbones, and why one does not."""

from __future__ import annotations

from flask import Blueprint

from zoo.catalog import plugins as catalog_plugins
from zoo_api.job_views import instant
from zoo_api.paging import page_json
from zoo_api.services import services

plugins = Blueprint("plugins", __name__)


@plugins.get("/v1/plugins")
def list_plugins() -> dict[str, object]:
    """Every installed plugin with its state: pending, ready, unavailable or broken."""
    with services().catalog.read() as session:
        found = catalog_plugins.list_plugins(session)
    rows = [
        {
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "state": plugin.state,
            "reason": plugin.reason or None,
            "described_at": instant(plugin.described_at),
        }
        for plugin in found
    ]
    return page_json(rows, next_cursor=None)
