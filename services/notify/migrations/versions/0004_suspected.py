"""Which units only words complain of so far: a human may clear them (R-LAD-04)."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("ALTER TABLE notify.subject ADD COLUMN suspected boolean NOT NULL DEFAULT false")
