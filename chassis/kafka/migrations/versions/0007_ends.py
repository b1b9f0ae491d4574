"""Where the topics ended for the relay, so that it notices when the broker has lost what it had taken."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE relay.position ADD COLUMN ends jsonb NOT NULL DEFAULT '{}'")
