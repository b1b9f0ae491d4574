"""How far a service has read the topics on which others write to it."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE relay.inbox_position (
            service text NOT NULL,
            topic text NOT NULL,
            partition int NOT NULL,
            position text NOT NULL,
            updated_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (service, topic, partition)
        )
        """
    )
