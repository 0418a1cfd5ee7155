"""The schema's history, and bringing a database up to it."""

from zoo_migrations.glancing import check, upgrade

__all__ = ["check", "upgrade"]
