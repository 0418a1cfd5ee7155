"""Plugins: who gives backbones, and why one does not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Literal, cast

from flask import Blueprint, Response
from typing_extensions import TypedDict

from zoo.catalog import Session
from zoo.catalog import plugins as catalog_plugins
from zoo.catalog.records import JobRecord
from zoo.jobs.intake import submit_refresh
from zoo.jobs.specs import RefreshSpec
from zoo_api.accepted import ACCEPTED, idempotent
from zoo_api.contract import OptionalJson, contract
from zoo_api.job_views import Instant, instant
from zoo_api.paging import Page, page_json
from zoo_api.services import services

plugins = Blueprint("plugins", __name__)

PluginState = Literal["pending", "ready", "unavailable", "broken", "disabled"]


class Plugin(TypedDict):
    """An installed plugin, and why it gives no backbones if it does not."""

    name: str
    distribution: str
    version: str
    state: PluginState
    reason: str | None
    described_at: Instant | None


@plugins.get("/v1/plugins")
@contract()
def list_plugins() -> Page[Plugin]:
    """Every installed plugin with its state."""
    with services().catalog.read() as session:
        found = catalog_plugins.list_plugins(session)
    rows: list[Plugin] = [
        {
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "state": cast("PluginState", plugin.state),
            "reason": plugin.reason or None,
            "described_at": instant(plugin.described_at),
        }
        for plugin in found
    ]
    return page_json(rows, next_cursor=None)


@plugins.post("/v1/plugins/refresh")
@contract(ACCEPTED)
def refresh_plugins(asked: OptionalJson[RefreshSpec]) -> Response:
    """Look for newly installed plugins; its job's result names those that are being described."""
    text = json.dumps(["refresh", asdict(asked)])

    def submit(session: Session) -> JobRecord:
        return submit_refresh(session, asked)

    return idempotent(hashlib.sha256(text.encode()).hexdigest(), submit)
