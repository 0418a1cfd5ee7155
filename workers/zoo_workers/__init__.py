"""What Celery's workers do: one file a kind of shard, each a plain function."""
