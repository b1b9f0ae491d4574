"""Lists for all who have a part in a mediation, and for nobody else. States are read in their older form, too."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE mediation.docket
            ADD COLUMN units text[] NOT NULL DEFAULT '{}',
            ADD COLUMN barred text[] NOT NULL DEFAULT '{}',
            ADD COLUMN sealed boolean NOT NULL DEFAULT false
        """
    )
    op.execute("UPDATE mediation.docket SET units = array_remove(ARRAY[unit, committee_unit], NULL)")
    op.execute(
        "ALTER TABLE mediation.docket ALTER COLUMN units DROP DEFAULT, ALTER COLUMN barred DROP DEFAULT"
    )
    op.execute("ALTER TABLE mediation.docket ALTER COLUMN sealed DROP DEFAULT, DROP COLUMN committee_unit")
    for name, condition in (("open", "NOT ended"), ("ended", "ended")):
        op.execute(f"DROP INDEX mediation.docket_{name}")
        op.execute(f"CREATE INDEX docket_{name} ON mediation.docket USING gin (units) WHERE {condition}")
