"""The state of one mediation: small, without names or words of the parties."""

from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from schemas.mediation import Confirmation, Obligation, Party, Stage, TerminationReason
from schemas.message import Instant, Value
from schemas.router import Term

FINAL: Final = frozenset({Stage.PERFORMED, Stage.LEGAL_INFORMED, Stage.TERMINATED})
"""The mediation itself is over; a confirmation may still run."""
UNDER_WAY: Final = frozenset({Stage.ACCEPTED, Stage.MEDIATING, Stage.PARTIAL})
"""All parties agreed to mediate: the time of the procedure runs."""


class Draft(Value):
    """An agreement on paper that is not signed yet."""

    number: int
    partial: bool
    obligations: tuple[Obligation, ...]


class Mediation(Value):
    """State of one case. `stage` None: no mediation was ever asked of it."""

    case_id: UUID
    stage: Stage | None = None
    round: int = 0
    origin: Literal["APPLIED", "REFERRED", "PROACTIVE"] | None = None
    unit: str = ""
    matter: str | None = None
    procedure: str = ""
    in_petition: bool = False
    subjects: tuple[str, ...] = ()
    opened_at: Instant | None = None
    parties: tuple[Party, ...] = ()
    agreed: tuple[str, ...] = ()
    """Labels of the parties that agreed to be mediated."""
    closed: bool = False
    """A party wants it not public (R-MED-04)."""
    starts: date | None = None
    committee: str | None = None
    mediators: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()
    """Mediators who were refused, or recused."""
    session_at: Instant | None = None
    told_at: Instant | None = None
    sessions: int = 0
    appraisal_since: Instant | None = None
    draft: Draft | None = None
    agreements: int = 0
    """Agreements drafted or recorded so far."""
    effective_at: Instant | None = None
    obligations: tuple[Obligation, ...] = ()
    """All that was agreed."""
    performed: tuple[int, ...] = ()
    visits: int = 0
    confirmation: Confirmation = Confirmation.NONE
    window_ended: Instant | None = None
    """When the time to ask for confirmation was over; what was filed before may be entered later (R-MED-09)."""
    court_extended: bool = False
    reason: TerminationReason | None = None
    asks_higher: bool = False
    handed_back: bool = False
    """The router, or the petition, is told nothing more."""
    terms: tuple[Term, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it has begun and is not over."""
        return self.stage is not None and self.stage not in FINAL

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all parties, in order."""
        return tuple(party.label for party in self.parties)

    @property
    def outstanding(self) -> tuple[Obligation, ...]:
        """What was agreed and is not performed, the earliest first."""
        left = (one for one in self.obligations if one.number not in self.performed)
        return tuple(sorted(left, key=lambda one: (one.due, one.number)))

    def term(self, name: str) -> Term | None:
        """The running clock of that name."""
        return next((term for term in self.terms if term.name == name), None)

    def without(self, *names: str) -> tuple[Term, ...]:
        """The running clocks except those."""
        return tuple(term for term in self.terms if term.name not in names)

    def due_terms(self) -> tuple[Term, ...]:
        """The clocks that can run out as things stand: during an appraisal the time of the mediation cannot."""
        return self.without("mediate") if self.appraisal_since else self.terms

    def is_late(self, at: datetime) -> bool:
        """Whether the time of the mediation is over at the instant `at`."""
        return any(term.name == "mediate" and term.at <= at for term in self.due_terms())
