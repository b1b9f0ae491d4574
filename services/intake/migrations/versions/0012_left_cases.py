"""Which first cases only other reports keep open: their own reporter has withdrawn. Whoever did so before this is
known once they withdraw again."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("CREATE TABLE intake.left_case (case_id uuid PRIMARY KEY)")
