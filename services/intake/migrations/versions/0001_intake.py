"""Intake's tables, and those that every service has."""

from alembic import op

from chassis.migrations.service_tables import create_service_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_service_tables("intake")
    op.execute(
        """
        CREATE TABLE intake.case_file (
            case_id uuid PRIMARY KEY,
            unit text NOT NULL,
            subjects text[],
            recipient text,
            code_digest bytea NOT NULL,
            received_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX case_file_code_digest ON intake.case_file (code_digest)")
    op.execute(
        """
        CREATE TABLE intake.personal_record (
            record_id uuid PRIMARY KEY,
            case_id uuid NOT NULL,
            ciphertext bytea NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX personal_record_case ON intake.personal_record (case_id)")
    op.execute(
        """
        CREATE TABLE intake.record_key (
            record_id uuid PRIMARY KEY,
            case_id uuid NOT NULL,
            key_id text NOT NULL,
            wrapped_key bytea NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX record_key_case ON intake.record_key (case_id)")
    op.execute(
        """
        CREATE TABLE intake.person_index (
            case_id uuid NOT NULL,
            digest bytea NOT NULL,
            received_at timestamptz NOT NULL,
            PRIMARY KEY (case_id, digest)
        )
        """
    )
    op.execute("CREATE INDEX person_index_newest ON intake.person_index (digest, received_at DESC)")
    op.execute(
        """
        CREATE TABLE intake.access_log (
            entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            at timestamptz NOT NULL DEFAULT now(),
            case_id uuid NOT NULL,
            subject text NOT NULL,
            role text NOT NULL,
            unit text,
            purpose text NOT NULL,
            outcome text NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX access_log_case ON intake.access_log (case_id)")
    op.execute(
        """
        CREATE TABLE intake.timeline (
            case_id uuid NOT NULL,
            entry bigint GENERATED ALWAYS AS IDENTITY,
            at timestamptz NOT NULL,
            status text,
            words text NOT NULL,
            PRIMARY KEY (case_id, entry)
        )
        """
    )
