"""Which mails were taken in."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE TABLE intake.email_taken (digest bytea PRIMARY KEY, taken_at timestamptz NOT NULL)")
    op.execute("CREATE INDEX email_taken_at ON intake.email_taken (taken_at)")
