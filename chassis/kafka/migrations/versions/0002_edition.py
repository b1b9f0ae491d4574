"""Which edition of its topics a service publishes, and whether they are being published anew."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE relay.position ADD COLUMN edition text NOT NULL DEFAULT '',"
        " ADD COLUMN rebuilding boolean NOT NULL DEFAULT false"
    )
