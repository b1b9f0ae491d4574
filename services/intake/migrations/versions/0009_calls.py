"""Calls in which several matters are told, and their one closing answer."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE intake.call (
            call_id uuid PRIMARY KEY,
            unit text NOT NULL,
            opened_at timestamptz NOT NULL,
            opened_by text NOT NULL,
            closing text,
            closed_at timestamptz,
            closed_by text
        )
        """
    )
    op.execute(
        """
        CREATE TABLE intake.call_case (
            call_id uuid NOT NULL,
            case_id uuid NOT NULL,
            PRIMARY KEY (call_id, case_id)
        )
        """
    )
