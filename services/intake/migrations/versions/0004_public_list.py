"""The public list: what anybody may know of a case (R-PRIV-01), and the index that finds what turned lately."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE intake.public_case (
            case_id uuid PRIMARY KEY,
            number uuid NOT NULL,
            matter text NOT NULL,
            place text NOT NULL,
            handler text,
            requested_at timestamptz NOT NULL,
            closed boolean NOT NULL
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX public_case_number ON intake.public_case (number)")
    op.execute(
        "CREATE INDEX public_case_newest ON intake.public_case (closed, requested_at DESC, case_id DESC)"
    )
    op.execute(
        "CREATE INDEX public_case_matter"
        " ON intake.public_case (matter, closed, requested_at DESC, case_id DESC)"
    )
    op.execute("CREATE INDEX timeline_turns ON intake.timeline (at, entry) WHERE status IS NOT NULL")
