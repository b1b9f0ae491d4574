"""Alembic's environment for every component; `chassis.migrate` hands it the connection and the component."""

from alembic import context

component: str = context.config.attributes["component"]

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema=component,
)
with context.begin_transaction():
    context.run_migrations()
