"""API keys: made, listed and revoked by who has one with the scope `admin`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from flask import Blueprint, Response, jsonify

from zoo.catalog import keys as catalog_keys
from zoo.catalog.records import KeyRecord
from zoo.keys import check_key_name, check_scope, make_key
from zoo.names import unknown
from zoo_api.job_views import instant
from zoo_api.keyring import key_ring
from zoo_api.paging import Paging, decode_cursor, encode_cursor, page_json
from zoo_api.reading import read_json, read_query
from zoo_api.scopes import needs
from zoo_api.services import services

keys = Blueprint("keys", __name__)


@dataclass(frozen=True, kw_only=True)
class KeyRequest:
    """What a new key is called and may do."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    name: str
    scope: str


@keys.get("/v1/keys")
@needs("admin")
def list_keys() -> dict[str, object]:
    """Every key ever made, oldest first, without its text."""
    query = read_query(Paging)
    after = decode_cursor(query.cursor, "")
    with services().catalog.read() as session:
        found = catalog_keys.list_keys(session, after=after, limit=query.limit + 1)
    page = found[: query.limit]
    more = encode_cursor(page[-1].id) if len(found) > query.limit else None
    return page_json([key_json(key) for key in page], next_cursor=more)


@keys.post("/v1/keys")
@needs("admin")
def create_key() -> Response:
    """A new key; only this answer has its text."""
    wanted = read_json(KeyRequest)
    name, scope = check_key_name(wanted.name), check_scope(wanted.scope)
    made = make_key()
    with services().catalog.write() as session:
        key = catalog_keys.add_key(session, made, name=name, scope=scope)
    key_ring().forget()
    response = jsonify({**key_json(key), "key": made.text})
    response.status_code = 201
    response.headers["Cache-Control"] = "no-store"
    return response


@keys.delete("/v1/keys/<key_id>")
@needs("admin")
def revoke_key(key_id: str) -> tuple[str, int]:
    """Let a key in no longer; it stays listed. 404 `unknown_key`."""
    with services().catalog.write() as session:
        if catalog_keys.get_key(session, key_id) is None:
            raise unknown("key", key_id, [key.id for key in catalog_keys.list_keys(session)])
        catalog_keys.revoke_key(session, key_id)
    key_ring().forget()
    return "", 204


def key_json(key: KeyRecord) -> dict[str, object]:
    """A key as answered."""
    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope,
        "created_at": instant(key.created_at),
        "last_used_at": instant(key.last_used_at),
        "revoked_at": instant(key.revoked_at),
    }
