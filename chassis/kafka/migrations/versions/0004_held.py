"""The topics that the broker does not have: behind which place of the event log their events wait."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE relay.held (
            service text NOT NULL,
            topic text NOT NULL,
            position text NOT NULL,
            PRIMARY KEY (service, topic)
        )
        """
    )
