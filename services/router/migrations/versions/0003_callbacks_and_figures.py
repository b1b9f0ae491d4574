"""The operators' list of callbacks, and the figures of units by day."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make both tables; what waits for a callback now is entered. Figures begin on this day."""
    op.execute(
        """
        CREATE TABLE router.callback (
            case_id uuid PRIMARY KEY,
            unit text NOT NULL,
            place text,
            reason text NOT NULL,
            matter text,
            track text NOT NULL,
            urgency smallint NOT NULL,
            opened_at timestamptz NOT NULL,
            due_at timestamptz NOT NULL,
            attempts smallint NOT NULL,
            tried_at timestamptz,
            claimed_by text,
            claimed_until timestamptz,
            subjects text[] NOT NULL,
            sealed boolean NOT NULL,
            confidential boolean NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX callback_due ON router.callback (due_at, case_id)")
    op.execute(
        """
        INSERT INTO router.callback
        SELECT a.case_id, a.state ->> 'unit', a.state ->> 'place',
            CASE WHEN (a.state ->> 'replied')::boolean THEN 'replied' ELSE 'expired' END,
            a.state ->> 'matter', coalesce(a.state ->> 'track', 'S'),
            coalesce((a.state ->> 'urgency')::smallint, 3), now(),
            coalesce((SELECT min((t ->> 'at')::timestamptz) FROM jsonb_array_elements(a.state -> 'terms') t
                WHERE t ->> 'name' = 'callback'), now()),
            coalesce((a.state ->> 'attempts')::smallint, 0), NULL, NULL, NULL,
            ARRAY(SELECT jsonb_array_elements_text(coalesce(a.state -> 'subjects', '[]'))),
            coalesce((a.state ->> 'sealed')::boolean, false),
            coalesce((a.state ->> 'confidential')::boolean, false)
        FROM router.aggregate a WHERE a.state ->> 'status' = 'CALLBACK'
        """
    )
    op.execute(
        """
        CREATE TABLE router.unit_day (
            unit text NOT NULL,
            day date NOT NULL,
            valid integer NOT NULL,
            not_reached integer NOT NULL,
            contacted integer NOT NULL,
            resolved integer NOT NULL,
            satisfied integer NOT NULL,
            in_time integer NOT NULL,
            late integer NOT NULL,
            redone integer NOT NULL,
            reopened integer NOT NULL,
            objections integer NOT NULL,
            upheld integer NOT NULL,
            PRIMARY KEY (unit, day)
        )
        """
    )
