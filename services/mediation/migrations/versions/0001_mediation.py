"""Mediation's tables, and those that every service has."""

from alembic import op

from chassis.migrations.service_tables import create_service_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_service_tables("mediation")
    op.execute(
        """
        CREATE TABLE mediation.docket (
            case_id uuid PRIMARY KEY,
            unit text NOT NULL,
            committee_unit text,
            matter text,
            procedure text NOT NULL,
            stage text NOT NULL,
            confirmation text NOT NULL,
            subjects text[] NOT NULL,
            opened_at timestamptz NOT NULL,
            due_at timestamptz,
            ended boolean NOT NULL
        )
        """
    )
    for name, condition in (("open", "NOT ended"), ("ended", "ended")):
        op.execute(
            f"CREATE INDEX docket_{name} ON mediation.docket (unit, opened_at, case_id) WHERE {condition}"
        )
    op.execute(
        """
        CREATE TABLE mediation.paper (
            record_id uuid PRIMARY KEY,
            case_id uuid NOT NULL,
            round integer NOT NULL,
            kind text NOT NULL,
            at timestamptz NOT NULL,
            ciphertext bytea NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX paper_case ON mediation.paper (case_id)")
    op.execute(
        """
        CREATE TABLE mediation.paper_key (
            record_id uuid PRIMARY KEY,
            case_id uuid NOT NULL,
            key_id text NOT NULL,
            wrapped_key bytea NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX paper_key_case ON mediation.paper_key (case_id)")
    op.execute(
        """
        CREATE TABLE mediation.access_log (
            entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            at timestamptz NOT NULL DEFAULT now(),
            case_id uuid NOT NULL,
            subject text NOT NULL,
            role text NOT NULL,
            unit text,
            what text NOT NULL,
            purpose text NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX access_log_case ON mediation.access_log (case_id)")
