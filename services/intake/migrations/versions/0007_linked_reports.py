"""Which reports are linked to which first case, to be found from either side."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE intake.linked_report (
            case_id uuid PRIMARY KEY,
            first uuid NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX linked_report_first ON intake.linked_report (first)")
    op.execute(
        "INSERT INTO intake.linked_report SELECT case_id, (state->>'linked_to')::uuid FROM intake.aggregate"
        " WHERE state->>'linked_to' IS NOT NULL"
    )
