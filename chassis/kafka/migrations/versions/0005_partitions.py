"""How many partitions the stream had when this edition of it was begun: events go to those, whatever is added."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("ALTER TABLE relay.position ADD COLUMN partitions int")
