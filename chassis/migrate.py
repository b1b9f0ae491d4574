"""Brings a database to the newest schema, one component at a time, with Alembic.

upgrade(url, "chassis")     the event log
upgrade(url, "relay")       on Kafka: what the relay of a service's event log, and its inbox, need
upgrade(url, "router")      a service's own schema, the chassis's per-service tables among them
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, pool, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

from chassis.tables import EventLog, HeldTopic, InboxPosition, RelayPosition, service_tables

CHASSIS: Final = "chassis"
RELAY: Final = "relay"
_PACKAGES: Final = {CHASSIS: "chassis", RELAY: "chassis.kafka"}
_TABLES: Final[Mapping[str, tuple[type[SQLModel], ...]]] = {
    CHASSIS: (EventLog,),
    RELAY: (RelayPosition, HeldTopic, InboxPosition),
}


def metadata_of(component: str) -> MetaData:
    """Return the tables that a component is meant to have: its own and the chassis's per-service ones."""
    if component in _TABLES:
        metadata = MetaData()
        for table in _TABLES[component]:
            table.__table__.to_metadata(metadata)  # type: ignore[attr-defined]
        return metadata
    metadata = service_tables(component)
    for table in import_module(f"services.{component}.tables").TABLES:
        table.__table__.to_metadata(metadata, schema=component)
    return metadata


async def upgrade(url: str, component: str, *, revision: str = "head") -> None:
    """Migrate one component. Safe to run from several processes at once: an advisory lock queues them.

    Raises ModuleNotFoundError for a component that does not exist.
    """
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=pool.NullPool
    )
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(hashtext('caseladder migrate'))"))
            await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{component}"'))
            await connection.commit()
            await connection.run_sync(_upgrade, component, revision)
            await connection.commit()
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, component: str, revision: str) -> None:
    package = import_module(_PACKAGES.get(component, f"services.{component}"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("version_locations", str(Path(package.__path__[0]) / "migrations" / "versions"))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, component=component)
    command.upgrade(config, revision)
