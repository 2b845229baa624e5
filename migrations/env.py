"""Run revisions on the connection that the caller opened (monitor.storage.migrate)."""

from __future__ import annotations

from alembic import context

from migrations.names import is_compared, render_item
from monitor.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    include_object=is_compared,
    render_item=render_item,
    compare_type=True,
    transaction_per_migration=False,
    render_as_batch=False,
)
with context.begin_transaction():
    context.run_migrations()
