"""What followers of the official account sent, and what they have told so far; both encrypted."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE intake.wechat_message (
            entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            digest bytea NOT NULL,
            sender bytea NOT NULL,
            received_at timestamptz NOT NULL,
            due_at timestamptz NOT NULL,
            tries integer NOT NULL DEFAULT 0,
            worked_at timestamptz,
            answered_at timestamptz,
            record_id uuid NOT NULL,
            key_id text NOT NULL,
            wrapped_key bytea NOT NULL,
            ciphertext bytea NOT NULL
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX wechat_message_digest ON intake.wechat_message (digest)")
    op.execute(
        "CREATE INDEX wechat_message_open ON intake.wechat_message (sender, entry) WHERE answered_at IS NULL"
    )
    op.execute("CREATE INDEX wechat_message_received ON intake.wechat_message (received_at)")
    op.execute(
        """
        CREATE TABLE intake.wechat_talk (
            sender bytea PRIMARY KEY,
            ends_at timestamptz NOT NULL,
            record_id uuid NOT NULL,
            key_id text NOT NULL,
            wrapped_key bytea NOT NULL,
            ciphertext bytea NOT NULL
        )
        """
    )
