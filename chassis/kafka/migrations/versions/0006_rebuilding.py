"""What a `log republish` that has begun is to publish, so that one that covers less cannot stand for its end."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE relay.position ADD COLUMN rebuilding_topic text, ADD COLUMN rebuilding_since timestamptz"
    )
