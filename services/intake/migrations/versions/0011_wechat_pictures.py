"""Pictures that followers sent, until they are fetched from the platform and lie with their case."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE intake.wechat_picture (
            entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            case_id uuid NOT NULL,
            sender bytea NOT NULL,
            media_id text NOT NULL,
            received_at timestamptz NOT NULL,
            due_at timestamptz NOT NULL,
            tries integer NOT NULL DEFAULT 0
        )
        """
    )
    op.execute("CREATE INDEX wechat_picture_due ON intake.wechat_picture (due_at)")
