"""A home as a folder of files that can be put back: made while the service runs."""

from zoo.backups.making import Backup, make_backup
from zoo.backups.restoring import restore_backup

__all__ = ["Backup", "make_backup", "restore_backup"]
