"""The first migration of every service: the chassis's per-service tables in the service's schema."""

from alembic import op


def create_service_tables(schema: str) -> None:
    """Create aggregate, stream_position, parked and idempotency_key. Never edit: later changes are new steps."""
    op.execute(
        f"""
        CREATE TABLE {schema}.aggregate (
            case_id uuid PRIMARY KEY,
            version bigint NOT NULL,
            seen jsonb NOT NULL,
            state jsonb NOT NULL,
            next_due_at timestamptz,
            traceparent text NOT NULL
        )
        """
    )
    for column in (
        "seen",
        "state",
        "traceparent",
    ):  # never searched by: no need to analyse them again and again
        op.execute(f"ALTER TABLE {schema}.aggregate ALTER COLUMN {column} SET STATISTICS 0")
    op.execute(
        f"CREATE INDEX aggregate_next_due_at ON {schema}.aggregate (next_due_at)"
        " WHERE next_due_at IS NOT NULL"
    )
    op.execute(
        f"""
        CREATE TABLE {schema}.stream_position (
            partition integer PRIMARY KEY,
            position text NOT NULL,
            updated_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute(
        f"""
        CREATE TABLE {schema}.parked (
            case_id uuid NOT NULL,
            source text NOT NULL,
            sequence bigint NOT NULL,
            id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
            type text NOT NULL,
            topic text NOT NULL,
            time timestamptz NOT NULL,
            traceparent text NOT NULL,
            data text NOT NULL,
            reason text NOT NULL,
            behind boolean NOT NULL,
            parked_at timestamptz NOT NULL DEFAULT now(),
            resolved_at timestamptz,
            resolution text,
            PRIMARY KEY (case_id, source, sequence)
        )
        """
    )
    op.execute(f"CREATE INDEX parked_open ON {schema}.parked (case_id) WHERE resolved_at IS NULL")
    op.execute(
        f"""
        CREATE TABLE {schema}.idempotency_key (
            principal text NOT NULL,
            key text NOT NULL,
            request_hash bytea NOT NULL,
            status integer NOT NULL,
            body bytea NOT NULL,
            version bigint NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (principal, key)
        )
        """
    )
    op.execute(f"CREATE INDEX idempotency_key_created_at ON {schema}.idempotency_key (created_at)")
