"""A resident's words stay in their row as far as it can hold them."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Raise the size from which a row is compressed to what a page holds: compressing costs more than the room."""
    op.execute("ALTER TABLE router.case_text SET (toast_tuple_target = 8160)")
