"""The concerns ledger: which unit was told of a step, and what came of each case (R-LEDGER-01)."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Steps from before say nothing of units, so the ledger's check lists their cases."""
    op.execute("ALTER TABLE intake.timeline ADD COLUMN unit text")
    op.execute(
        """
        CREATE TABLE intake.ledger (
            case_id uuid PRIMARY KEY,
            kind text NOT NULL,
            unit text,
            solved boolean,
            explanation text NOT NULL,
            at timestamptz NOT NULL
        )
        """
    )
