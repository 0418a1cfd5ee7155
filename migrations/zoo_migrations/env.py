"""Alembic's entry: runs the migrations on the connection that `upgrading` hands over."""

from alembic import context

from zoo.catalog import work_tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=work_tables.Job.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
