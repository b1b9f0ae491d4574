"""The router's tables."""

from alembic import op

from chassis.migrations.service_tables import create_service_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_service_tables("router")
    op.execute(
        """
        CREATE TABLE router.case_text (
            case_id uuid PRIMARY KEY,
            title text NOT NULL,
            body text NOT NULL,
            address text,
            received_at timestamptz NOT NULL,
            supplements jsonb NOT NULL DEFAULT '[]'::jsonb
        )
        """
    )
    op.execute(
        """
        CREATE TABLE router.assignment (
            case_id uuid NOT NULL,
            number integer NOT NULL,
            unit text NOT NULL,
            role text NOT NULL,
            lead text,
            rung smallint,
            matter text,
            track text NOT NULL,
            urgency smallint NOT NULL,
            mode text NOT NULL,
            place text,
            access text NOT NULL,
            locked boolean NOT NULL,
            sealed boolean NOT NULL,
            confidential boolean NOT NULL,
            dispatched_at timestamptz NOT NULL,
            status text NOT NULL,
            sign_by timestamptz,
            handle_by timestamptz,
            late_at timestamptz,
            yellow_at timestamptz,
            overdue boolean NOT NULL,
            watched boolean NOT NULL,
            coordinated boolean NOT NULL,
            subjects text[] NOT NULL,
            ended_at timestamptz,
            end_reason text,
            PRIMARY KEY (case_id, number)
        )
        """
    )
    op.execute(
        "CREATE INDEX assignment_open ON router.assignment (unit, dispatched_at, case_id, number)"
        " WHERE ended_at IS NULL"
    )
    op.execute(
        "CREATE INDEX assignment_ended ON router.assignment (unit, dispatched_at, case_id, number)"
        " WHERE ended_at IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX assignment_suspended ON router.assignment (dispatched_at, case_id)"
        " WHERE status = 'SUSPENDED' AND role = 'lead' AND ended_at IS NULL"
    )
    op.execute(
        """
        CREATE TABLE router.triage (
            case_id uuid PRIMARY KEY,
            unit text NOT NULL,
            reason text NOT NULL,
            place text,
            urgency smallint NOT NULL,
            confidence double precision NOT NULL,
            candidates jsonb NOT NULL,
            subjects text[] NOT NULL,
            sealed boolean NOT NULL,
            confidential boolean NOT NULL,
            queued_at timestamptz NOT NULL,
            due_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX triage_order ON router.triage (urgency, queued_at, case_id)")
