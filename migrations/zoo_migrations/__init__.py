"""The schema's history, and bringing a database up to it."""

from zoo_migrations.upgrading import check, upgrade

__all__ = ["check", "upgrade"]
