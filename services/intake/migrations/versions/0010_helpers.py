"""Which units help with a case. Helpers from before are known once they are named again; the leads are known."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE intake.helper (
            case_id uuid NOT NULL,
            unit text NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (case_id, unit)
        )
        """
    )
