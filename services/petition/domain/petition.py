"""The state of one petition: small, without a word of what the petitioner or an opinion says."""

from typing import Final
from uuid import UUID

from schemas.message import Instant, Value
from schemas.petition import Left, Nature, PetitionOutcome, PetitionStatus
from schemas.router import Term

S = PetitionStatus

OVER: Final = frozenset(
    {S.FINAL, S.SETTLED, S.LAPSED, S.NOT_ACCEPTED, S.STATUTORY_ROUTED, S.DISCIPLINE_SEALED, S.LEFT}
)
"""Nobody owes anything any more."""
UNACCEPTED: Final = frozenset({S.RECEIVED, S.REGISTERED, S.FORWARDED, S.ASSIGNED, S.OBJECTED})
"""No unit has accepted it yet."""
UNDER_OPINION: Final = frozenset({S.OPINION, S.EXECUTING, S.REVIEW_OPINION})
"""An opinion was issued that can still be reviewed or carried out."""
MAIN: Final = {
    S.RECEIVED: "register",
    S.REGISTERED: "register",
    S.FORWARDED: "notice",
    S.ASSIGNED: "notice",
    S.ACCEPTED: "opinion",
    S.INVESTIGATING: "opinion",
    S.HEARING: "opinion",
    S.MEDIATING: "opinion",
    S.OPINION: "deliver",
    S.EXECUTING: "execute",
    S.REVIEW: "review",
    S.REVIEW_OPINION: "deliver",
    S.RECHECK: "recheck",
}
"""The clock that the responsible unit works against. In OBJECTED the sender decides, and the unit owes nothing."""
PASSIVE: Final = frozenset({"object"})
"""A time that only ends a right: nothing happens when it runs out."""


class Recusal(Value):
    """A member of staff who takes no more part (R-PET-11)."""

    officer: str
    """The subject of their token."""
    unit: str


class Away(Value):
    """Where a petition was when the case went another way, and goes on when it comes back (R-LAD-09)."""

    status: PetitionStatus
    unit: str
    reason: Left


class Petition(Value):
    """State of one petition. `status` None: the case is no petition."""

    case_id: UUID
    status: PetitionStatus | None = None
    unit: str | None = None
    """The one responsible unit; None once it is over."""
    sender: str | None = None
    """Who forwarded or assigned it."""
    holders: tuple[str, ...] = ()
    """Every unit that had it, the first first: they may still see it."""
    exit: str | None = None
    matter: str | None = None
    place: str | None = None
    subjects: tuple[str, ...] = ()
    """Units known to be complained of."""
    suspected: tuple[str, ...] = ()
    """Beside them, whom words complain of that no human has judged yet (R-HOT-14)."""
    nature: Nature = Nature.CLAIM
    petitioners: int = 1
    identified: bool = True
    urgent: bool = False
    reported: bool = False
    """R-PET-15: the report upward was made."""
    same_as: UUID | None = None
    locked: bool = False
    """The unit may object no more."""
    assigned: bool = False
    simple: bool = False
    accepted_at: Instant | None = None
    handler: str | None = None
    """The unit that accepted it and carries out what is supported."""
    extended: bool = False
    level: int = 0
    """0 opinion, 1 review, 2 re-review."""
    issuer: str | None = None
    """The unit of the last opinion."""
    outcome: PetitionOutcome | None = None
    authors: tuple[str, ...] = ()
    """Staff who issued an opinion: they take no part in its review (R-PET-11)."""
    executed: bool = False
    paused_at: Instant | None = None
    """Since when the time of the re-review stands still (XF36)."""
    terms: tuple[Term, ...] = ()
    late: tuple[str, ...] = ()
    """Names of the clocks that ran out and still stand."""
    supervised: bool = False
    leader: str | None = None
    coordinated: bool = False
    """Third parties help, or it is mediated."""
    recused: tuple[Recusal, ...] = ()
    evaluated: bool = False
    evaluated_by_petitioner: bool = False
    """By their own hand, which no record of staff stands in for."""
    away: Away | None = None
    """Of a petition that left."""
    terminated: bool = False
    """Three levels have spoken (XF36)."""

    @property
    def kept_from(self) -> tuple[str, ...]:
        """R-LAD-04, R-HOT-14: the units that, with all under them, neither see it nor do anything in it."""
        return (*self.subjects, *self.suspected)

    @property
    def is_open(self) -> bool:
        """Whether a unit is responsible for it."""
        return self.status is not None and self.status not in OVER

    @property
    def has_opinion(self) -> bool:
        """Whether an opinion was issued: from then on it is carried out or reviewed, never sorted anew."""
        return self.issuer is not None

    def is_recused(self, subject: str, unit: str | None) -> bool:
        """Whether this member of staff takes no more part (R-PET-11)."""
        return Recusal(officer=subject, unit=unit or "") in self.recused

    def term(self, name: str) -> Term | None:
        """The running clock of that name."""
        return next((term for term in self.terms if term.name == name), None)

    def main(self) -> Term | None:
        """The clock that the responsible unit works against; None where nothing is due of it."""
        if self.paused_at is not None or self.status is None:
            return None
        return self.term(MAIN.get(self.status, ""))

    def running(self) -> tuple[Term, ...]:
        """The clocks that can run out as things stand; of one that left, none before it comes back."""
        if self.status is S.LEFT:
            return ()
        still = {"recheck", "mark"} if self.paused_at is not None else frozenset[str]()
        quiet = PASSIVE | set(self.late) | still
        return tuple(term for term in self.terms if term.name not in quiet)

    def without(self, *names: str) -> tuple[Term, ...]:
        """The clocks except those, and the supervision of those."""
        gone = {*names, *(supervision(name) for name in names)}
        return tuple(term for term in self.terms if term.name not in gone)

    def only(self, *names: str) -> tuple[Term, ...]:
        """Of the clocks, those and their supervision."""
        kept = {*names, *(supervision(name) for name in names)}
        return tuple(term for term in self.terms if term.name in kept)


def supervision(name: str) -> str:
    """The name of the clock that follows a reminder about the clock `name`."""
    return f"{name}_supervise"
