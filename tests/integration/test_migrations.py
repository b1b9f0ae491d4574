"""What the migrations build is what the SQLModel classes say."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from click.testing import CliRunner
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from chassis.migrate import metadata_of, upgrade
from chassis.tables import Xid8
from services.cli.migrate import migrate

COMPONENTS = ["chassis", "intake", "router", "mediation", "petition", "notify"]
ON_KAFKA = ["relay"]


def differences(connection: Connection, component: str) -> list[object]:
    """Return what Alembic would change in one component's schema."""
    context = MigrationContext.configure(
        connection,
        opts={
            "include_schemas": True,
            "include_name": lambda name, kind, _: kind != "schema" or name == component,
            "version_table_schema": component,
        },
    )
    return list(compare_metadata(context, metadata_of(component)))


@pytest.mark.parametrize("component", COMPONENTS + ON_KAFKA)
async def test_migrations_and_models_agree(database_url: str, component: str) -> None:
    if component in ON_KAFKA:
        await upgrade(database_url, "chassis")  # whose log the relay indexes
    await upgrade(database_url, component)
    await upgrade(database_url, component)
    ischema_names.setdefault("xid8", Xid8)
    engine = create_async_engine(
        database_url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool
    )
    async with engine.connect() as connection:
        assert await connection.run_sync(differences, component) == []
    await engine.dispose()


async def test_an_unknown_component_is_refused(database_url: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        await upgrade(database_url, "nowhere")


async def test_the_command_migrates_every_service_and_may_be_repeated(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASELADDER_DATABASE_URL", database_url)
    for _ in range(2):
        done = await asyncio.to_thread(CliRunner().invoke, migrate)
        assert done.exit_code == 0, done.output
        assert done.output.splitlines() == [f"{component}: up to date" for component in COMPONENTS]
