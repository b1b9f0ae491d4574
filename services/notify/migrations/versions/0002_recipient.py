"""Whom a sealed case is known to (R-PET-10)."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Cases sealed before are in it from their next step on."""
    op.execute("CREATE TABLE notify.recipient (case_id uuid PRIMARY KEY, unit text NOT NULL)")
