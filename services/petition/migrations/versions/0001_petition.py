"""Petition's tables, and those that every service has."""

from alembic import op

from chassis.migrations.service_tables import create_service_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_service_tables("petition")
    op.execute(
        """
        CREATE TABLE petition.docket (
            case_id uuid PRIMARY KEY,
            status text NOT NULL,
            unit text,
            holders text[] NOT NULL,
            subjects text[] NOT NULL,
            place text,
            matter text,
            sealed boolean NOT NULL,
            terminated boolean NOT NULL,
            urgent boolean NOT NULL,
            watched boolean NOT NULL,
            coordinated boolean NOT NULL,
            due_at timestamptz,
            yellow_at timestamptz,
            received_at timestamptz NOT NULL
        )
        """
    )
    op.execute(
        "CREATE INDEX docket_open ON petition.docket (unit, received_at, case_id) WHERE unit IS NOT NULL"
    )
    op.execute("CREATE INDEX docket_holders ON petition.docket USING gin (holders)")
    op.execute(
        """
        CREATE TABLE petition.record (
            record_id uuid PRIMARY KEY,
            case_id uuid NOT NULL,
            kind text NOT NULL,
            ciphertext bytea NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX record_case ON petition.record (case_id)")
    op.execute(
        """
        CREATE TABLE petition.record_key (
            record_id uuid PRIMARY KEY,
            case_id uuid NOT NULL,
            key_id text NOT NULL,
            wrapped_key bytea NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX record_key_case ON petition.record_key (case_id)")
    op.execute(
        """
        CREATE TABLE petition.access_log (
            entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            at timestamptz NOT NULL DEFAULT now(),
            case_id uuid NOT NULL,
            subject text NOT NULL,
            unit text,
            what text NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX access_log_case ON petition.access_log (case_id)")
