"""Drop the index by which the triage queue was sorted once: no query reads it.

What is overdue comes first, which depends on the moment of asking: no index gives that order. With ten thousand
cases waiting the database sorts them all for a page, with the index as without it.
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Drop it."""
    op.execute("DROP INDEX router.triage_order")
