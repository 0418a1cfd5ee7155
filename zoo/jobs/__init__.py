"""The one job life-cycle: the database is the queue, Celery is the doorbell."""
