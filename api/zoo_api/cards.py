"""The model card of a version, for programs and for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flask import Blueprint, Response, request

from zoo.registry.card_pages import card_page
from zoo.registry.model_cards import ModelCard, make_model_card
from zoo_api.codes import MODEL, merge
from zoo_api.contract import Answer, Query, contract
from zoo_api.reading import Closed
from zoo_api.services import services

cards = Blueprint("cards", __name__)

PAGE_TYPE = "text/markdown"


@dataclass(frozen=True, kw_only=True)
class CardQuery(Closed):
    """In which form to answer; without it as `Accept` says."""

    format: Literal["json", "markdown"] | None = None


@cards.get("/v1/models/<name>/versions/<version:number>/card")
@contract(
    Answer(kind=ModelCard),
    Answer(media=(PAGE_TYPE,)),
    codes=merge(MODEL, {404: ("unknown_version",)}),
)
def show_card(name: str, number: int, query: Query[CardQuery]) -> ModelCard | Response:
    """What a version is, where it comes from and how far to trust it, as JSON or Markdown."""
    with services().catalog.read() as session:
        card = make_model_card(session, name, number)
    wanted = query.format or ("markdown" if _best() == PAGE_TYPE else "json")
    if wanted == "json":
        return card
    return Response(card_page(card), mimetype=PAGE_TYPE)


def _best() -> str | None:
    return request.accept_mimetypes.best_match(["application/json", PAGE_TYPE])
