"""Plugins: who gives backbones, and why one does not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from flask import Blueprint, Response, request

from zoo.catalog import Session
from zoo.catalog import plugins as catalog_plugins
from zoo.catalog.records import JobRecord
from zoo.jobs.intake import submit_refresh
from zoo.jobs.specs import RefreshSpec
from zoo_api.accepted import idempotent
from zoo_api.job_views import instant
from zoo_api.paging import page_json
from zoo_api.reading import read_json
from zoo_api.services import services

plugins = Blueprint("plugins", __name__)


@plugins.get("/v1/plugins")
def list_plugins() -> dict[str, object]:
    """Every installed plugin with its state: pending, ready, unavailable, broken, disabled."""
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


@plugins.post("/v1/plugins/refresh")
def refresh_plugins() -> Response:
    """Look for newly installed plugins; its job's result names those that are being described."""
    spec = read_json(RefreshSpec) if request.content_length else RefreshSpec()
    text = json.dumps(["refresh", asdict(spec)])

    def submit(session: Session) -> JobRecord:
        return submit_refresh(session, spec)

    return idempotent(hashlib.sha256(text.encode()).hexdigest(), submit)
