"""The database of record, and the only place that speaks SQL: tables in, frozen records out."""

from sqlalchemy.orm import Session

from zoo.catalog.database import Catalog, open_catalog, open_unpooled

__all__ = ["Catalog", "Session", "open_catalog", "open_unpooled"]
