"""The knowledge base: every version of every entry."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE intake.knowledge_entry (
            entry text NOT NULL,
            version integer NOT NULL,
            unit text NOT NULL,
            question text NOT NULL,
            answer text NOT NULL,
            matters text[] NOT NULL,
            keywords text[] NOT NULL,
            valid_from date NOT NULL,
            valid_to date,
            review_by date NOT NULL,
            edited_at timestamptz NOT NULL,
            edited_by text NOT NULL,
            published_at timestamptz,
            published_by text,
            PRIMARY KEY (entry, version)
        )
        """
    )
