"""What the tests of mediation share: the reference jurisdiction, and a mediation played step by step."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from chassis.calendar import WorkingCalendar
from chassis.decider import Input, Refused, TimerDue
from reference.load import load
from reference.mediation import load_mediation
from schemas import mediation as m
from schemas import router as r
from schemas.department import HandlingMode
from schemas.jurisdiction import Jurisdiction
from schemas.mediators import Mediators
from schemas.message import Actor, Event
from schemas.petition import PetitionSentToMediation
from schemas.values import Sealed
from services.mediation.domain import Mediation, MediationDecider

ROOT = Path(__file__).parents[2] / "reference" / "gulou"
CASE = UUID(int=9)
MONDAY = datetime(2026, 6, 8, 2, 0, tzinfo=UTC)
"""10:00 in Shanghai, far from holidays."""
COMMUNITY, STREET = "GL0101", "GL01"
ONE, TWO, THREE = "GLM-0101-01", "GLM-0101-02", "GLM-0101-03"
SEALED = Sealed(record_id=UUID(int=1), key_id="k", wrapped_key=b"w", ciphertext=b"c")
MEDIATOR = Actor(subject="mediator-1", role="mediator", unit=COMMUNITY)

E = TypeVar("E", bound=Event)


@cache
def gulou() -> Jurisdiction:
    return load(ROOT)


@cache
def mediators() -> Mediators:
    return load_mediation(ROOT, gulou())


def decider(calendar: WorkingCalendar | None = None) -> MediationDecider:
    return MediationDecider(gulou(), mediators(), calendar or WorkingCalendar(gulou().calendar))


def dispatched(matter: str = "neighbour.noise", unit: str = COMMUNITY, **more: Any) -> r.CaseDispatched:
    registered = {
        "judgement": {"by": "engine", "matter": matter, "track": "M", "urgency": 3},
        "subjects": more.pop("subjects", ()),
        "track_asked": more.pop("track_asked", None),
        "channel": more.pop("channel", None),
    }
    plain: dict[str, Any] = {
        "route": {"policy": "p", "jurisdiction": "j"},
        "registered": registered,
        "unit": unit,
        "number": 1,
        "rung": 2,
        "mode": HandlingMode.TRANSFER,
        "matter": matter,
        "track": "M",
        "urgency": 3,
    }
    return r.CaseDispatched.model_validate(plain | more)


PARTIES = (
    m.Party(label="A", side=m.Side.APPLICANT, unit="GL010101"),
    m.Party(label="B", side=m.Side.RESPONDENT, unit="GL010102"),
)
DEBT = m.Obligation(number=1, by="B", due=date(2026, 7, 1))


@dataclass
class Play:
    """One mediation, moved forward by inputs; `at` is now."""

    at: datetime = MONDAY
    decider: MediationDecider = field(default_factory=decider)
    state: Mediation = field(default_factory=lambda: Mediation(case_id=CASE))
    events: list[Event] = field(default_factory=list)

    def give(self, given: Input) -> list[Event]:
        """Decide and evolve; an AssertionError names a refusal."""
        decision = self.decider.decide(self.state, given, self.at)
        assert not isinstance(decision, Refused), decision
        for event in decision:
            self.state = self.decider.evolve(self.state, event)
        self.state = self.decider.load(self.decider.dump(self.state))
        self.events += decision
        return list(decision)

    def refused(self, given: Input) -> Refused:
        """The refusal of an input."""
        decision = self.decider.decide(self.state, given, self.at)
        assert isinstance(decision, Refused), decision
        return decision

    def do(self, command: type[m.MediationCommand], **fields: Any) -> list[Event]:
        """A command of a mediator of the unit that has it."""
        return self.give(self.command(command, **fields))

    def no(self, command: type[m.MediationCommand], **fields: Any) -> str:
        """The code of the refusal of a command."""
        return self.refused(self.command(command, **fields)).code

    def command(self, command: type[m.MediationCommand], **fields: Any) -> m.MediationCommand:
        """A command of a mediator of the unit that has it."""
        actor = MEDIATOR.model_copy(update={"unit": self.state.unit or COMMUNITY})
        return build(command, **{"actor": actor, **fields})

    def wait(self, **span: float) -> list[Event]:
        """Let time pass; every timer fires at its moment."""
        until = self.at + timedelta(**span)
        fired: list[Event] = []
        while due := [timer for timer in self.decider.due(self.state) if timer.at <= until]:
            timer = min(due, key=lambda one: (one.at, one.name))
            self.at = max(self.at, timer.at)
            fired += self.give(TimerDue(timer.name, timer.at))
        self.at = until
        return fired

    def last(self, kind: type[E]) -> E:
        """The latest event of a kind."""
        return next(event for event in reversed(self.events) if isinstance(event, kind))

    def count(self, kind: type[Event]) -> int:
        """How many events of a kind there were."""
        return sum(isinstance(event, kind) for event in self.events)


def build(command: type[m.MediationCommand], **fields: Any) -> m.MediationCommand:
    """A command of the community's mediator, with whatever it needs filled in."""
    given: dict[str, Any] = {"actor": MEDIATOR, **SAMPLES.get(command, {}), **fields}
    if issubclass(command, m.SealedCommand):
        given["sealed"] = SEALED
    return command.model_validate(given)


SAMPLES: dict[type[m.MediationCommand], dict[str, Any]] = {
    m.RegisterParties: {"parties": PARTIES},
    m.RecordConsent: {"party": "A", "agrees": True},
    m.SayOpenness: {"party": "A", "closed": True},
    m.AssignMediators: {"mediators": (ONE,)},
    m.RefuseMediator: {"party": "B", "mediator": ONE, "reason": "与对方相识"},
    m.RecuseMediator: {"mediator": ONE, "reason": "系当事人近亲属"},
    m.ScheduleSession: {"at": MONDAY + timedelta(days=4)},
    m.HoldSession: {"held_at": MONDAY, "open": True, "attended": ("A", "B")},
    m.ProlongMediation: {"days": 15, "agreed": ("A", "B")},
    m.StartAppraisal: {"reason": "委托医疗损害鉴定"},
    m.DraftAgreement: {"obligations": (DEBT,)},
    m.SignAgreement: {
        "signed": ("A", "B"),
        "mediators": (ONE,),
        "sealed_by_committee": True,
        "signed_at": MONDAY,
    },
    m.RecordOralAgreement: {"agreed": ("A", "B"), "obligations": (DEBT,), "agreed_at": MONDAY},
    m.TerminateMediation: {"reason": "failed", "note": "分歧较大"},
    m.ReportToPolice: {"risk": "public_order", "note": "扬言报复"},
    m.RecordVisit: {"performed": (1,)},
    m.FileConfirmation: {"jointly": ("A", "B"), "about": "civil", "filed_at": MONDAY},
    m.RecordCourtAcceptance: {"reference": "（2026）调确字第1号"},
    m.RecordCourtDecision: {"confirmed": True, "reference": "（2026）调确字第1号"},
}


def opened(**more: Any) -> Play:
    """A mediation that just came in."""
    play = Play()
    play.give(dispatched(**more))
    return play


def asked(procedure: str | None = None, **more: Any) -> Play:
    """The parties are registered and asked."""
    play = opened(**more)
    play.do(m.RegisterParties, procedure=procedure)
    return play


def accepted(procedure: str | None = None, mediator: str = ONE, **more: Any) -> Play:
    """All agreed, a mediator is assigned."""
    play = asked(procedure, **more)
    play.do(m.RecordConsent, party="A")
    play.do(m.RecordConsent, party="B")
    play.do(m.AssignMediators, mediators=(mediator,))
    return play


def mediating(procedure: str | None = None, mediator: str = ONE, **more: Any) -> Play:
    """The first session was held."""
    play = accepted(procedure, mediator, **more)
    play.do(m.HoldSession)
    return play


def signed(*, partial: bool = False) -> Play:
    """A written agreement took effect."""
    play = mediating()
    play.do(m.DraftAgreement, partial=partial)
    play.do(m.SignAgreement)
    return play


def in_petition(unit: str = COMMUNITY, mediator: str = ONE, **more: Any) -> Play:
    """Part of a petition that `unit` has; the parties agreed, and a session was held."""
    play = Play()
    play.give(PetitionSentToMediation(unit=unit, **more))
    to_session(play, mediator)
    return play


def to_session(play: Play, mediator: str) -> None:
    """From a fresh round to its first session."""
    play.do(m.RegisterParties)
    play.do(m.RecordConsent)
    play.do(m.RecordConsent, party="B")
    play.do(m.AssignMediators, mediators=(mediator,))
    play.do(m.HoldSession)


def in_confirmation(step: m.Confirmation) -> Play:
    """A written agreement, and its judicial confirmation as far as `step`."""
    play = signed()
    if step is m.Confirmation.LAPSED:
        play.wait(days=40)
        return play
    path: dict[m.Confirmation, tuple[tuple[type[m.MediationCommand], dict[str, Any]], ...]] = {
        m.Confirmation.FILED: (),
        m.Confirmation.COURT_ACCEPTED: ((m.RecordCourtAcceptance, {}),),
        m.Confirmation.CONFIRMED: ((m.RecordCourtAcceptance, {}), (m.RecordCourtDecision, {})),
        m.Confirmation.REJECTED: ((m.RecordCourtDecision, {"confirmed": False}),),
        m.Confirmation.WITHDRAWN: ((m.WithdrawConfirmation, {}),),
    }
    if step in path:
        play.do(m.FileConfirmation)
        for command, fields in path[step]:
            play.do(command, **fields)
    return play
