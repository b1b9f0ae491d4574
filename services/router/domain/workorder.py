"""The router's state of one case: small, without title, text or anything about the reporter."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from schemas.department import HandlingMode
from schemas.message import Instant, Value
from schemas.procedure import ProcedureName
from schemas.router import Judgement, OrderStatus, QueueReason, Registration, SeatGiven, Term
from schemas.values import Channel

S = OrderStatus

FINAL: Final = frozenset({S.CLOSED, S.ARCHIVED})
DIRECT: Final = frozenset({S.ANSWERED_DIRECT, S.REDIRECTED, S.LINKED_DUP, S.EMERGENCY_XFER})
"""The four direct outcomes: nobody handles a work order."""
TO_SIGN: Final = frozenset({S.DISPATCHED, S.DISPATCHED_LOCKED})
WORKING: Final = frozenset({S.HANDLING, S.EXTENDED})
"""EXTENDED is HANDLING in extended time: whatever may be done in the one may be done in the other."""
OPEN: Final = TO_SIGN | WORKING | {S.SIGNED, S.OBJECTED, S.SUSPENDED, S.REPLIED, S.CALLBACK, S.REDO}
"""A unit has a work order."""
STANDING_STILL: Final = frozenset({S.OBJECTED, S.SUSPENDED})
"""The handling clock does not run out: the objection is under review, or the case is on the register."""
HANDLING_CLOCKS: Final = frozenset({"handle", "mark"})


class Seat(Value):
    """A helper's or copied unit's assignment; `answered`: the helper delivered or reported reasons."""

    unit: str
    number: int
    answered: bool = False


class Holder(Value):
    """Who had a case before words accused them, or before a danger: from there it goes on (R-LAD-04, R-LAD-10)."""

    unit: str
    number: int
    """Of its assignment."""
    rung: int
    locked: bool = True
    """It may object no more: it was designated, or had its time to object (R-HOT-05)."""
    extended: bool = False
    """It has had its one extension (R-HOT-07)."""
    leader: str | None = None
    handle_by: Instant | None = None
    """R-MODE-01 批办: the time that the leader set, with its extension; None where that ran no more."""


class Claim(Value):
    """An operator who is calling the resident, by the subject of their token, and until when it is theirs."""

    subject: str
    until: Instant


class WorkOrder(Value):
    """State of one case. `status` None: nothing known of it yet.

    From the first event on exactly one of `unit` and `exit` is set: one responsible unit, or one named legal exit.
    """

    case_id: UUID
    status: OrderStatus | None = None
    queue: QueueReason | None = None
    taken_from: Holder | None = None
    """Who had the case that waits in the queue, or is at an emergency line."""
    unit: str | None = None
    exit: str | None = None
    rung: int | None = None
    number: int = 0
    """Number of the lead's assignment."""
    issued: int = 0
    """Assignments given so far."""
    mode: HandlingMode = HandlingMode.TRANSFER
    matter: str | None = None
    track: str = "S"
    urgency: int = 3
    kind: str = "complain"
    place: str | None = None
    parties: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    households: int | None = None
    sealed: bool = False
    confidential: bool = False
    track_asked: str | None = None
    urgency_stated: int | None = None
    channel: Channel | None = None
    procedure: ProcedureName | None = None
    """The procedure that has the case; the order is HANDLING as long as it does."""
    given_back: bool = False
    """The procedure gave the case back: what it still says is passed over until it is given the case anew."""
    line: str | None = None
    """The emergency line to which the case went."""
    linked_to: UUID | None = None
    """The first case of the matter: whom that is kept from may not see this report either (R-LAD-04)."""
    helpers: tuple[Seat, ...] = ()
    copies: tuple[Seat, ...] = ()
    receiver: Seat | None = None
    """The authority of the named exit, where it is one of our units."""
    terms: tuple[Term, ...] = ()
    breaches: int = 0
    """How often this unit let the handling time pass."""
    overdue: bool = False
    supervised: bool = False
    warned: bool = False
    """Supervised since the first delay."""
    second_breach: bool = False
    """The time passed again after supervision: ground SECOND_BREACH holds (R-LAD-02)."""
    leader: str | None = None
    extended: bool = False
    """This unit has had its one extension."""
    pending: Literal["extension", "suspension"] | None = None
    pending_days: int | None = None
    suspended_at: Instant | None = None
    replied: bool = False
    verified: bool = False
    """A check on the spot matched what the unit replied, or the grid settled it there (R-GRD-02)."""
    explained: bool = False
    """The reply says why it does no more than it does (R-LAD-06)."""
    redone: bool = False
    attempts: int = 0
    """Callbacks in which the resident was not reached."""
    claim: Claim | None = None
    reopen_until: Instant | None = None
    """Closed: before this instant it can be reopened."""
    reopened: int = 0

    def term(self, name: str) -> Term | None:
        """The running clock of that name."""
        for term in self.terms:
            if term.name == name:
                return term
        return None

    def due_terms(self) -> tuple[Term, ...]:
        """The clocks that can run out as things stand."""
        if self.status in STANDING_STILL:
            return tuple(term for term in self.terms if term.name not in HANDLING_CLOCKS)
        return self.terms

    def is_due(self, name: str, at: datetime) -> bool:
        """Whether the clock of that name has run out at the instant `at`."""
        return any(term.name == name and term.at <= at for term in self.due_terms())

    def without(self, *names: str) -> tuple[Term, ...]:
        """The running clocks except those."""
        return tuple(term for term in self.terms if term.name not in names)

    def only(self, *names: str) -> tuple[Term, ...]:
        """Of the running clocks, those."""
        return tuple(term for term in self.terms if term.name in names)

    def assignment(self, number: int) -> str:
        """The assignment id: `<case id>/<number>`."""
        return f"{self.case_id}/{number}"

    def seats(self) -> tuple[Seat, ...]:
        """All assignments that run: the lead's first; or that of the exit's authority."""
        lead = (Seat(unit=self.unit, number=self.number),) if self.unit and self.number else ()
        receiver = (self.receiver,) if self.receiver else ()
        return (*lead, *self.helpers, *self.copies, *receiver)


def findings(found: Registration) -> dict[str, Any]:
    """What a registration says about the state."""
    judged = found.judgement
    return {
        "matter": judged.matter,
        "track": judged.track,
        "urgency": judged.urgency,
        "kind": found.kind,
        "place": found.place,
        "parties": found.parties,
        "subjects": found.subjects,
        "households": found.households,
        "sealed": found.sealed,
        "confidential": found.confidential,
        "track_asked": found.track_asked,
        "urgency_stated": found.urgency_stated,
        "channel": found.channel,
    }


def judged_anew(
    state: WorkOrder, judgement: Judgement, *, sealed: bool, urgency_stated: int | None = None
) -> Registration:
    """What is known of the case, under another judgement of it."""
    return Registration(
        judgement=judgement,
        kind=state.kind,
        place=state.place,
        parties=state.parties,
        subjects=state.subjects,
        households=state.households,
        sealed=sealed,
        confidential=state.confidential,
        track_asked=state.track_asked,
        urgency_stated=urgency_stated,
        channel=state.channel,
    )


def registered(state: WorkOrder, found: Registration) -> WorkOrder:
    """The state with what a registration found."""
    return state.model_copy(update=findings(found))


def taken(given: Sequence[SeatGiven]) -> tuple[Seat, ...]:
    """Fresh seats for what an event gave out."""
    return tuple(Seat(unit=seat.unit, number=seat.number) for seat in given)
