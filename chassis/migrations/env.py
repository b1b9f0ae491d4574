"""Alembic's environment for every component; `chassis.migrate` hands it the connection and the component."""

from alembic import context

from chassis.migrate import metadata_of

component: str = context.config.attributes["component"]

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata_of(component),
    version_table_schema=component,
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
