"""What every route promises, said once at its view: it reads requests and makes the document."""

from zoo_api.contract.kinds import Described, Json, JsonBody, OptionalJson, OwnName, Query
from zoo_api.contract.routes import Answer, contract
from zoo_api.contract.schemas import Schema, Schemas

__all__ = [
    "Answer",
    "Described",
    "Json",
    "JsonBody",
    "OptionalJson",
    "OwnName",
    "Query",
    "Schema",
    "Schemas",
    "contract",
]
