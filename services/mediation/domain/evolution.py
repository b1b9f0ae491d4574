"""`evolve`: the state after each of mediation's own events."""

from collections.abc import Callable
from typing import Any, Final

from schemas import mediation as m
from schemas.mediation import Confirmation, Performance, Stage
from schemas.message import Event
from services.mediation.domain.state import Agreement, Draft, Mediation, numbered

Update = dict[str, Any]


def evolve(state: Mediation, event: Event) -> Mediation:
    """Return the state after `event`."""
    if isinstance(event, m.MediationOpened):
        return _opened(state, event)
    change = _CHANGES.get(type(event))
    if change is None:
        return state
    update = change(state, event)
    if isinstance(event, m.MediationEvent):
        update["terms"] = numbered(event.terms, update.get("numbered", state.numbered))
    return state.model_copy(update=update)


def _opened(state: Mediation, e: m.MediationOpened) -> Mediation:
    """A fresh round. What was agreed in earlier ones lives on, and so does who may have no part in the case."""
    return Mediation(
        case_id=state.case_id,
        stage=Stage(e.origin),
        round=e.round,
        origin=e.origin,
        unit=e.unit,
        matter=e.matter,
        procedure=e.procedure,
        in_petition=e.in_petition,
        instead_of=e.instead_of,
        subjects=e.subjects,
        suspected=state.suspected,
        waits=e.waits,
        opened_at=e.opened_at,
        applied_at=e.applied_at or e.opened_at,
        parties=state.parties,
        barred=state.barred,
        numbered=state.numbered,
        agreements=state.agreements,
        police=state.police,
        terms=numbered(e.terms, state.numbered),
    )


def _moved(state: Mediation, e: m.MediationMoved) -> Update:
    """The unit, and with it the follow-up of what was agreed in this round."""
    agreements = tuple(
        one.model_copy(update={"unit": e.unit}) if one.round == state.round and one.is_followed_up else one
        for one in state.agreements
    )
    subjects = state.subjects if e.subjects is None else e.subjects
    return {"unit": e.unit, "subjects": subjects, "waits": e.waits, "agreements": agreements}


def _sealed(state: Mediation, e: m.MediationSealed) -> Update:
    over: Update = {"stage": Stage.TERMINATED} if state.is_open else {}
    return {**over, "sealed_to": e.unit, "subjects": e.subjects, "handed_back": True, "police": None}


def _consented(state: Mediation, e: m.ConsentRecorded) -> Update:
    if not e.agrees:
        return {"stage": Stage.REFUSED}
    openness = _openness(state, e.party, closed=e.closed, public=e.public)
    if e.party in state.agreed:
        return openness
    said_at = e.said_at or state.opened_at
    times = (*state.consented_at, said_at) if said_at else ()
    return {"agreed": (*state.agreed, e.party), "consented_at": times, **openness}


def _openness(state: Mediation, party: str, *, closed: bool, public: bool) -> Update:
    """What a party said last counts; who said nothing changed nothing."""
    if not closed and not public:
        return {}
    closed_for = tuple(one for one in state.closed_for if one != party)
    public_for = tuple(one for one in state.public_for if one != party)
    return {
        "closed_for": (*closed_for, party) if closed else closed_for,
        "public_for": public_for if closed else (*public_for, party),
    }


def _left(state: Mediation, e: m.MediatorLeft) -> Update:
    return {
        "mediators": tuple(code for code in state.mediators if code != e.mediator),
        "seats": tuple(seat for seat in state.seats if seat.staff != e.mediator),
        "barred": (*state.barred, e.mediator),
    }


def _drafted(_: Mediation, e: m.AgreementDrafted) -> Update:
    draft = Draft(number=e.number, partial=e.partial, obligations=e.obligations)
    return {"draft": draft, "numbered": e.number}


def _reached(state: Mediation, e: m.AgreementReached) -> Update:
    whole = Stage.AGREED_WRITTEN if e.written else Stage.AGREED_ORAL
    made = Agreement(
        number=e.number,
        round=state.round,
        written=e.written,
        partial=e.partial,
        in_petition=state.in_petition,
        unit=state.unit,
        committee=state.committee,
        mediators=state.mediators,
        seats=state.seats,
        procedure=state.procedure,
        opened_at=state.opened_at,
        parties=state.parties,
        obligations=e.obligations,
        effective_at=e.effective_at,
    )
    return {
        "stage": Stage.PARTIAL if e.partial else whole,
        "draft": None,
        "numbered": e.number,
        "agreements": (*state.agreements, made),
        "appraisal_since": None,
    }


def _planned(state: Mediation, _: m.FollowUpPlanned) -> Update:
    """After a partial agreement, its follow-up runs beside the mediation of the rest."""
    is_whole = state.stage in {Stage.AGREED_WRITTEN, Stage.AGREED_ORAL}
    return {"stage": Stage.FOLLOW_UP} if is_whole else {}


def _visited(state: Mediation, e: m.VisitRecorded) -> Update:
    found = state.agreement(e.agreement)
    done = tuple(sorted({*(found.performed if found else ()), *e.performed}))
    return _of_agreement(state, e.agreement, visits=e.number, performed=done)


def _performed(state: Mediation, e: m.AgreementPerformed) -> Update:
    """With the last agreement of its round, the round; it is no success where another of them was broken."""
    update = _of_agreement(state, e.agreement, performance=Performance.PERFORMED)
    if state.stage is not Stage.FOLLOW_UP:
        return update
    of_round = {one.performance for one in update["agreements"] if one.round == state.round}
    if Performance.FOLLOW_UP in of_round:
        return update
    broken = Performance.BREACHED in of_round
    return update | {"stage": Stage.BREACHED if broken else Stage.PERFORMED}


def _breached(state: Mediation, e: m.AgreementBreached) -> Update:
    """The round is over with the breach of any of its agreements, unless the rest is mediated still."""
    update = _of_agreement(state, e.agreement, performance=Performance.BREACHED)
    found = state.agreement(e.agreement)
    ends = state.stage is Stage.FOLLOW_UP and found is not None and found.round == state.round
    return update | ({"stage": Stage.BREACHED} if ends else {})


def _informed(state: Mediation, _: m.RoutesInformed) -> Update:
    return {"stage": Stage.LEGAL_INFORMED} if state.stage is Stage.BREACHED else {}


def _terminated(_: Mediation, e: m.MediationTerminated) -> Update:
    return {
        "stage": Stage.TERMINATED,
        "reason": e.reason,
        "asks_higher": e.asks_higher,
        "settlement": e.settlement,
        "draft": None,
        "appraisal_since": None,
    }


def _lapsed(state: Mediation, e: m.ConfirmationLapsed) -> Update:
    found = state.agreement(e.agreement)
    window = state.term(found.clock("confirm")) if found else None
    ended = window.at if window else None
    return _of_agreement(state, e.agreement, confirmation=Confirmation.LAPSED, window_ended=ended)


def _of_agreement(state: Mediation, number: int, **update: Any) -> Update:
    """The agreements, one of them changed."""
    return {
        "agreements": tuple(
            one.model_copy(update=update) if one.number == number else one for one in state.agreements
        )
    }


def _to(**update: Any) -> Callable[[Mediation, Any], Update]:
    return lambda _, __: dict(update)


def _in_confirmation(step: Confirmation) -> Callable[[Mediation, m.AgreementEvent], Update]:
    return lambda state, e: _of_agreement(state, e.agreement, confirmation=step)


def _registered(_: Mediation, e: m.PartiesRegistered) -> Update:
    return {"stage": Stage.CONSENT, "parties": e.parties, "procedure": e.procedure, "starts": e.starts}


def _assigned(_: Mediation, e: m.MediatorsAssigned) -> Update:
    return {"mediators": e.mediators, "committee": e.committee, "panel": e.panel, "seats": e.seats}


def _held(state: Mediation, e: m.SessionHeld) -> Update:
    began = min(state.began_at, e.held_at) if state.began_at else e.held_at
    return {"stage": Stage.MEDIATING, "sessions": e.number, "session_at": None, "began_at": began}


_CHANGES: Final[dict[type[Event], Callable[[Mediation, Any], Update]]] = {
    m.MediationHandedBack: _to(handed_back=True),
    m.MediationReleased: _to(handed_back=True),
    m.MediationMoved: _moved,
    m.MediationSubjectsSuspected: lambda _, e: {"suspected": e.suspected},
    m.MediationSealed: _sealed,
    m.PartiesRegistered: _registered,
    m.ConsentRecorded: _consented,
    m.OpennessSaid: lambda s, e: _openness(s, e.party, closed=e.closed, public=not e.closed),
    m.MediationAccepted: lambda s, e: {
        "stage": Stage.ACCEPTED,
        "accepted_at": e.accepted_at or s.opened_at,
    },
    m.MediatorsAssigned: _assigned,
    m.MediatorLeft: _left,
    m.SessionScheduled: lambda _, e: {"session_at": e.at, "told_at": e.told_at},
    m.SessionHeld: _held,
    m.TermProlonged: _to(),
    m.AppraisalStarted: lambda _, e: {"appraisal_since": e.since},
    m.AppraisalEnded: _to(appraisal_since=None),
    m.AgreementDrafted: _drafted,
    m.AgreementReached: _reached,
    m.MediationContinued: _to(stage=Stage.MEDIATING),
    m.FollowUpPlanned: _planned,
    m.VisitRecorded: _visited,
    m.AgreementPerformed: _performed,
    m.AgreementBreached: _breached,
    m.RoutesInformed: _informed,
    m.MediationTerminated: _terminated,
    m.PoliceInformed: lambda _, e: {"police": e.unit},
    m.ConfirmationOpened: _in_confirmation(Confirmation.CONFIRM_WINDOW),
    m.ConfirmationLapsed: _lapsed,
    m.ConfirmationFiled: lambda s, e: _of_agreement(
        s, e.agreement, confirmation=Confirmation.FILED, court_extended=False
    ),
    m.CourtAccepted: _in_confirmation(Confirmation.COURT_ACCEPTED),
    m.CourtTimeExtended: lambda s, e: _of_agreement(s, e.agreement, court_extended=True),
    m.CourtDecided: lambda s, e: _of_agreement(
        s, e.agreement, confirmation=Confirmation.CONFIRMED if e.confirmed else Confirmation.REJECTED
    ),
    m.ConfirmationWithdrawn: _in_confirmation(Confirmation.WITHDRAWN),
    m.MediationReminded: _to(),
    m.MediationTimesRecomputed: _to(),
}
