"""The event log."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE chassis.event_log (
            case_id uuid NOT NULL,
            source text NOT NULL,
            sequence bigint NOT NULL,
            position bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
            xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
            topic text NOT NULL,
            type text NOT NULL,
            time timestamptz NOT NULL,
            traceparent text NOT NULL,
            data jsonb NOT NULL,
            PRIMARY KEY (case_id, source, sequence)
        );
        """
    )
    op.execute("CREATE INDEX event_log_order ON chassis.event_log (topic, xid, position)")
    for column in ("data", "traceparent"):  # never searched by: no need to analyse them again and again
        op.execute(f"ALTER TABLE chassis.event_log ALTER COLUMN {column} SET STATISTICS 0")
