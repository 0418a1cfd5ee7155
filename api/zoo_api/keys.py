"""API keys: made, listed and revoked by who has one with the scope `admin`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from flask import Blueprint, Response, jsonify
from pydantic import Field
from typing_extensions import TypedDict

from zoo.catalog import keys as catalog_keys
from zoo.catalog.records import KeyRecord
from zoo.keys import LONGEST_NAME, SCOPES, check_key_name, check_scope, make_key
from zoo.names import unknown
from zoo_api.contract import Answer, Json, Query, contract
from zoo_api.job_views import Instant, instant
from zoo_api.keyring import key_ring
from zoo_api.paging import Page, Paging, decode_cursor, encode_cursor, page_json
from zoo_api.reading import Closed
from zoo_api.scopes import Scope, needs
from zoo_api.services import services

keys = Blueprint("keys", __name__)


@dataclass(frozen=True, kw_only=True)
class KeyRequest(Closed):
    """What a new key is called and may do."""

    name: Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": LONGEST_NAME})]
    scope: Annotated[str, Field(json_schema_extra={"enum": SCOPES})]


class Key(TypedDict):
    """An API key, never its text."""

    id: str
    name: str
    scope: Scope
    created_at: Instant
    last_used_at: Instant | None
    revoked_at: Instant | None


class NewKey(Key):
    """A key at the only moment when its text is told."""

    key: str


@keys.get("/v1/keys")
@contract()
@needs("admin")
def list_keys(query: Query[Paging]) -> Page[Key]:
    """Every key ever made, oldest first, without its text."""
    after = decode_cursor(query.cursor, "")
    with services().catalog.read() as session:
        found = catalog_keys.list_keys(session, after=after, limit=query.limit + 1)
    page = found[: query.limit]
    more = encode_cursor(page[-1].id) if len(found) > query.limit else None
    return page_json([key_json(key) for key in page], next_cursor=more)


@keys.post("/v1/keys")
@contract(Answer(status=201, kind=NewKey), codes={422: ("invalid_name", "unknown_scope")})
@needs("admin")
def create_key(wanted: Json[KeyRequest]) -> Response:
    """A new key; only this answer has its text."""
    name, scope = check_key_name(wanted.name), check_scope(wanted.scope)
    made = make_key()
    with services().catalog.write() as session:
        key = catalog_keys.add_key(session, made, name=name, scope=scope)
    key_ring().forget()
    answer: NewKey = {**key_json(key), "key": made.text}
    response = jsonify(answer)
    response.status_code = 201
    response.headers["Cache-Control"] = "no-store"
    return response


@keys.delete("/v1/keys/<key_id>")
@contract(codes={404: ("unknown_key",)})
@needs("admin")
def revoke_key(key_id: str) -> None:
    """Let a key in no longer; it stays listed."""
    with services().catalog.write() as session:
        if catalog_keys.get_key(session, key_id) is None:
            raise unknown("key", key_id, [key.id for key in catalog_keys.list_keys(session)])
        catalog_keys.revoke_key(session, key_id)
    key_ring().forget()


def key_json(key: KeyRecord) -> Key:
    """A key as answered."""
    return {
        "id": key.id,
        "name": key.name,
        "scope": cast("Scope", key.scope),
        "created_at": instant(key.created_at),
        "last_used_at": instant(key.last_used_at),
        "revoked_at": instant(key.revoked_at),
    }
