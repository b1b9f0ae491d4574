"""The state of one case's mediation: small, without names or words of the parties.

A case may be mediated more than once (R-LAD-02, R-LAD-09). Of the round that is under way, or was the last, the
state holds what it needs; what was agreed in any round lives on by itself, each agreement with its own parties,
visits and confirmation (R-MED-08, R-MED-09).
"""

from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import model_validator

from schemas.mediation import (
    Confirmation,
    Obligation,
    PanelSeat,
    Party,
    Performance,
    Stage,
    TerminationReason,
)
from schemas.message import Instant, Value
from schemas.router import Term

FINAL: Final = frozenset({Stage.PERFORMED, Stage.LEGAL_INFORMED, Stage.TERMINATED})
"""The round is over; what was agreed may still be performed, or be before the court."""
OF_AGREEMENTS: Final = ("visit", "confirm", "court")
"""The clocks that each agreement has for itself, as `visit/1`."""


class Draft(Value):
    """An agreement on paper that is not signed yet."""

    number: int
    partial: bool
    obligations: tuple[Obligation, ...]


class Agreement(Value):
    """What the parties of one round agreed, and what has become of it; `number` counts over the whole case."""

    number: int
    round: int
    written: bool
    partial: bool
    in_petition: bool = False
    """A petition was settled by it, or by it in part (R-PET-16)."""
    unit: str
    """The unit that brought it about, and follows it up."""
    committee: str | None = None
    mediators: tuple[str, ...] = ()
    seats: tuple[PanelSeat, ...] = ()
    procedure: str
    opened_at: Instant | None = None
    """When the round began in which it was made."""
    parties: tuple[Party, ...]
    obligations: tuple[Obligation, ...]
    effective_at: Instant
    performance: Performance = Performance.FOLLOW_UP
    performed: tuple[int, ...] = ()
    visits: int = 0
    confirmation: Confirmation = Confirmation.NONE
    window_ended: Instant | None = None
    """When the time to ask for confirmation was over; what was filed before may be entered later (R-MED-09)."""
    court_extended: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all its parties, in order."""
        return tuple(party.label for party in self.parties)

    @property
    def is_followed_up(self) -> bool:
        """Whether a visit is still owed to it."""
        return self.performance is Performance.FOLLOW_UP

    @property
    def outstanding(self) -> tuple[Obligation, ...]:
        """What was agreed and is not performed, the earliest first."""
        left = (one for one in self.obligations if one.number not in self.performed)
        return tuple(sorted(left, key=lambda one: (one.due, one.number)))

    def clock(self, kind: str) -> str:
        """The name of one of its clocks: `visit`, `confirm` or `court`."""
        return clock_of(kind, self.number)


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
    instead_of: str | None = None
    """The unit whose round a round within a petition took the place of; see `Opening.petition_left`."""
    subjects: tuple[str, ...] = ()
    """Every unit ever complained of in the case: none of them comes back into it (R-LAD-04)."""
    waits: str | None = None
    """R-LAD-07: the department of the unit's rung, which has the case where the parties ask for more."""
    suspected: tuple[str, ...] = ()
    """Beside them, whom words complain of that no human has judged yet (R-HOT-14)."""
    sealed_to: str | None = None
    """R-PET-10: the discipline body, which alone knows of the case from here on."""
    opened_at: Instant | None = None
    applied_at: Instant | None = None
    """When it was applied for: before `opened_at` where it climbed (R-MED-13)."""
    parties: tuple[Party, ...] = ()
    """Of this round, or, until they are registered in it, of the one before."""
    agreed: tuple[str, ...] = ()
    """Labels of the parties that agreed to be mediated."""
    consented_at: tuple[Instant, ...] = ()
    """When each of them did, in the order of `agreed`."""
    accepted_at: Instant | None = None
    """When the last of them did."""
    closed_for: tuple[str, ...] = ()
    """Parties that want it not public (R-MED-04)."""
    public_for: tuple[str, ...] = ()
    """Parties that said that it may be public."""
    starts: date | None = None
    committee: str | None = None
    mediators: tuple[str, ...] = ()
    panel: str | None = None
    seats: tuple[PanelSeat, ...] = ()
    barred: tuple[str, ...] = ()
    """Staff codes of those who were refused, or recused, in any round: they have no more part in the case."""
    session_at: Instant | None = None
    told_at: Instant | None = None
    sessions: int = 0
    began_at: Instant | None = None
    """When the first session of the round was held."""
    appraisal_since: Instant | None = None
    draft: Draft | None = None
    numbered: int = 0
    """Agreements drafted or recorded so far, over all rounds."""
    agreements: tuple[Agreement, ...] = ()
    """All that took effect, in any round."""
    reason: TerminationReason | None = None
    asks_higher: bool = False
    settlement: bool = False
    """The parties that reconciled signed a 和解协议书."""
    handed_back: bool = False
    """The router, or the petition, is told nothing more of this round."""
    police: str | None = None
    """The police unit that was told of a risk, and may look (R-MED-11)."""
    terms: tuple[Term, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _read_older(cls, given: Any) -> Any:
        """Read a state as it was stored when a case had the agreements of one round only."""
        is_older = isinstance(given, dict) and "opened_at" in given and "applied_at" not in given
        return _of_one_round(given) if is_older else given

    @property
    def kept_from(self) -> tuple[str, ...]:
        """R-LAD-04, R-HOT-14: the units that, with all under them, neither see it nor do anything in it."""
        return (*self.subjects, *self.suspected)

    @property
    def is_sealed(self) -> bool:
        """R-PET-10: whether it is out of everybody's hands here."""
        return self.sealed_to is not None

    @property
    def is_open(self) -> bool:
        """Whether it has begun and is not over."""
        return self.stage is not None and self.stage not in FINAL

    @property
    def is_under_way(self) -> bool:
        """Whether somebody still has to mediate: it is not over, nor agreed upon."""
        return self.is_open and self.stage is not Stage.FOLLOW_UP

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all parties, in order."""
        return tuple(party.label for party in self.parties)

    @property
    def confirmation(self) -> Confirmation:
        """How far the judicial confirmation of the newest agreement is."""
        return self.agreements[-1].confirmation if self.agreements else Confirmation.NONE

    def of_round(self) -> tuple[Agreement, ...]:
        """The agreements of the round that is under way, or was the last."""
        return tuple(one for one in self.agreements if one.round == self.round)

    def followed_up(self) -> tuple[Agreement, ...]:
        """The agreements, of any round, to which a visit is still owed; none once the case is sealed."""
        return () if self.is_sealed else tuple(one for one in self.agreements if one.is_followed_up)

    def agreement(self, number: int) -> Agreement | None:
        """The agreement of that number."""
        return next((one for one in self.agreements if one.number == number), None)

    def term(self, name: str) -> Term | None:
        """The running clock of that name."""
        return next((term for term in self.terms if term.name == name), None)

    def without(self, *names: str) -> tuple[Term, ...]:
        """The running clocks except those."""
        return tuple(term for term in self.terms if term.name not in names)

    def lasting(self) -> tuple[Term, ...]:
        """The clocks of agreements, which run on whatever becomes of the round."""
        return tuple(term for term in self.terms if kind_of(term.name) in OF_AGREEMENTS)

    def due_terms(self) -> tuple[Term, ...]:
        """The clocks that can run out as things stand: during an appraisal the time of the mediation cannot."""
        return self.without("mediate") if self.appraisal_since else self.terms

    def is_late(self, at: datetime) -> bool:
        """Whether the time of the mediation is over at the instant `at`."""
        return any(term.name == "mediate" and term.at <= at for term in self.due_terms())


def clock_of(kind: str, number: int) -> str:
    """The name of a clock of the agreement `number`."""
    return f"{kind}/{number}"


def kind_of(clock: str) -> str:
    """What a clock is for, whosever it is."""
    return clock.partition("/")[0]


def numbered(terms: tuple[Term, ...], number: int) -> tuple[Term, ...]:
    """Clocks from before each agreement had its own: those of the one agreement get its number."""
    return tuple(
        term.model_copy(update={"name": clock_of(term.name, number)}) if term.name in OF_AGREEMENTS else term
        for term in terms
    )


def _of_one_round(given: dict[str, Any]) -> dict[str, Any]:
    moved = ("obligations", "performed", "visits", "effective_at", "window_ended", "court_extended")
    number = int(given.get("agreements", 0))
    one = {name: given[name] for name in moved if name in given}
    kept = {name: value for name, value in given.items() if name not in {*moved, "confirmation", "closed"}}
    terms = [
        term | {"name": clock_of(term["name"], number)} if term["name"] in OF_AGREEMENTS else term
        for term in given.get("terms", ())
    ]
    performance = {"PERFORMED": "PERFORMED", "LEGAL_INFORMED": "BREACHED"}.get(given["stage"], "FOLLOW_UP")
    from_state = (
        "round",
        "unit",
        "committee",
        "mediators",
        "procedure",
        "parties",
        "in_petition",
        "opened_at",
    )
    agreement = {
        **{name: given[name] for name in from_state if name in given},
        **one,
        "number": number,
        "written": given.get("confirmation", "NONE") != "NONE",
        "partial": given["stage"] not in {"FOLLOW_UP", "PERFORMED", "LEGAL_INFORMED"},
        "performance": performance,
        "confirmation": given.get("confirmation", "NONE"),
    }
    parties = [party["label"] for party in given.get("parties", ())]
    return {
        **kept,
        "numbered": number,
        "agreements": [agreement] if "effective_at" in one and "parties" in agreement else [],
        "accepted_at": given.get("opened_at"),
        "applied_at": given.get("opened_at"),
        "closed_for": parties if given.get("closed") else [],
        "terms": terms,
    }
