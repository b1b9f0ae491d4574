"""Of which reports each address was told within the last hour: too many wait."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE notify.told (
            ref text NOT NULL,
            channel text NOT NULL,
            report uuid NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (ref, channel, report)
        )
        """
    )
    op.execute("CREATE INDEX told_at ON notify.told (at)")
