"""Files that came with a case, encrypted piece by piece (R-PRIV-01)."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE intake.attachment (
            attachment_id uuid PRIMARY KEY,
            case_id uuid NOT NULL,
            media_type text NOT NULL,
            cleaned boolean NOT NULL,
            size bigint NOT NULL,
            pieces integer NOT NULL,
            received_at timestamptz NOT NULL,
            stored boolean NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX attachment_case ON intake.attachment (case_id)")
    op.execute("CREATE INDEX attachment_unfinished ON intake.attachment (received_at) WHERE NOT stored")
    op.execute(
        """
        CREATE TABLE intake.attachment_piece (
            attachment_id uuid NOT NULL,
            number integer NOT NULL,
            ciphertext bytea NOT NULL,
            PRIMARY KEY (attachment_id, number)
        )
        """
    )
    op.execute("ALTER TABLE intake.attachment_piece ALTER COLUMN ciphertext SET STORAGE EXTERNAL")
