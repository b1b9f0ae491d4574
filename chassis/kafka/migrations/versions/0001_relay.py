"""The relay's position, and the order in which it reads the event log: all topics together."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE relay.position (
            service text PRIMARY KEY,
            position text NOT NULL,
            updated_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    # Here and not with the log: where nothing is relayed it would only cost.
    op.execute("CREATE INDEX event_log_commit_order ON chassis.event_log (xid, position)")
