"""The WorkOrder machine as a table: from each state, every state that some event may bring next (domain.md §4)."""

from typing import Final

from schemas.router import OrderStatus as S
from services.router.domain.workorder import OPEN

_FROM_ANY_ORDER: Final = frozenset(
    {
        S.DISPATCHED,  # the resident enters the petition track (R-LAD-09)
        S.DISPATCHED_LOCKED,  # a procedure or a leader names another unit (R-PET-01, R-MODE-01)
        S.REDIRECTED,  # the resident takes the legal way (R-LAD-09)
        S.ESCALATED,  # the unit is interested, or there is a danger (R-LAD-04, R-LAD-05)
        S.HANDLING,  # a procedure has the case (R-MED-03, R-PET-01)
        S.CLOSED,  # withdrawn
        S.REGISTERED,  # whoever has it is accused in a supplement (R-LAD-04, R-HOT-14)
    }
)
_DIRECT: Final = frozenset({S.DISPATCHED, S.REDIRECTED, S.EMERGENCY_XFER, S.ARCHIVED})
"""A direct outcome is no end: another track, a danger found later, or the archive."""
_REOPENED: Final = frozenset({S.DISPATCHED, S.DISPATCHED_LOCKED, S.EMERGENCY_XFER, S.REGISTERED})
"""What becomes of a closed case that the resident had reopened (R-HOT-08); whom the reason accuses does not get it
back (R-LAD-04)."""
_OWN: Final[dict[S | None, frozenset[S]]] = {
    None: frozenset(
        {
            S.REGISTERED,
            S.ANSWERED_DIRECT,
            S.REDIRECTED,
            S.LINKED_DUP,
            S.EMERGENCY_XFER,
            S.DISPATCHED,
            S.REPLIED,  # settled on the spot (R-GRD-01)
        }
    ),
    S.REGISTERED: frozenset(
        {
            S.ANSWERED_DIRECT,
            S.REDIRECTED,
            S.EMERGENCY_XFER,
            S.DISPATCHED,
            S.DISPATCHED_LOCKED,  # back to a unit that a human cleared, and that has had its say (R-HOT-05)
            S.CLOSED,  # withdrawn
        }
    ),
    S.ANSWERED_DIRECT: _DIRECT,
    S.REDIRECTED: _DIRECT - {S.REDIRECTED},
    S.LINKED_DUP: _DIRECT,
    S.EMERGENCY_XFER: _DIRECT - {S.EMERGENCY_XFER}
    | {S.DISPATCHED_LOCKED},  # the remainder, back to who had it
    S.DISPATCHED: frozenset({S.SIGNED, S.OBJECTED}),
    S.DISPATCHED_LOCKED: frozenset({S.SIGNED}),
    S.SIGNED: frozenset({S.HANDLING, S.CALLBACK}),
    S.OBJECTED: frozenset({S.DISPATCHED, S.DISPATCHED_LOCKED}),
    S.HANDLING: frozenset({S.EXTENDED, S.SUSPENDED, S.REPLIED, S.CALLBACK}),
    S.EXTENDED: frozenset({S.HANDLING, S.SUSPENDED, S.REPLIED, S.CALLBACK}),
    S.SUSPENDED: frozenset({S.HANDLING}),
    S.ESCALATED: frozenset({S.DISPATCHED, S.REDIRECTED, S.EMERGENCY_XFER}),
    S.REPLIED: frozenset({S.CALLBACK}),
    S.CALLBACK: frozenset({S.REDO, S.CLOSED, S.REPLIED}),
    S.REDO: frozenset({S.HANDLING, S.CALLBACK}),
    S.CLOSED: _REOPENED | {S.ARCHIVED},
    S.ARCHIVED: _REOPENED,  # only where the router was away for longer than the archive waits
}
EDGES: Final[dict[S | None, frozenset[S]]] = {
    source: (own | _FROM_ANY_ORDER if source in OPEN - {S.REPLIED} else own) - {source}
    for source, own in _OWN.items()
}
"""All edges. What leaves the state as it was walks none. ESCALATED and REPLIED are passed within a decision."""
