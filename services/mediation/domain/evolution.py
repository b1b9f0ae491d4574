"""`evolve`: the state after each of mediation's own events."""

from collections.abc import Callable
from typing import Any, Final

from schemas import mediation as m
from schemas.mediation import Confirmation, Stage
from schemas.message import Event
from services.mediation.domain.state import Draft, Mediation

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
        update["terms"] = event.terms
    return state.model_copy(update=update)


def _opened(state: Mediation, e: m.MediationOpened) -> Mediation:
    """A fresh round; of an earlier one only a confirmation that runs is left."""
    return Mediation(
        case_id=state.case_id,
        stage=Stage(e.origin),
        round=e.round,
        origin=e.origin,
        unit=e.unit,
        matter=e.matter,
        procedure=e.procedure,
        in_petition=e.in_petition,
        subjects=e.subjects,
        opened_at=e.opened_at,
        agreements=state.agreements,
        confirmation=state.confirmation,
        effective_at=state.effective_at,
        terms=e.terms,
    )


def _moved(state: Mediation, e: m.MediationMoved) -> Update:
    return {"unit": e.unit, "subjects": state.subjects if e.subjects is None else e.subjects}


def _consented(state: Mediation, e: m.ConsentRecorded) -> Update:
    if not e.agrees:
        return {"stage": Stage.REFUSED}
    agreed = tuple(dict.fromkeys((*state.agreed, e.party)))
    return {"agreed": agreed, "closed": state.closed or e.closed}


def _left(state: Mediation, e: m.MediatorLeft) -> Update:
    rest = tuple(code for code in state.mediators if code != e.mediator)
    return {"mediators": rest, "barred": (*state.barred, e.mediator)}


def _drafted(_: Mediation, e: m.AgreementDrafted) -> Update:
    draft = Draft(number=e.number, partial=e.partial, obligations=e.obligations)
    return {"draft": draft, "agreements": e.number}


def _reached(state: Mediation, e: m.AgreementReached) -> Update:
    whole = Stage.AGREED_WRITTEN if e.written else Stage.AGREED_ORAL
    return {
        "stage": Stage.PARTIAL if e.partial else whole,
        "draft": None,
        "agreements": e.number,
        "obligations": (*state.obligations, *e.obligations),
        "effective_at": e.effective_at,
        "appraisal_since": None,
    }


def _visited(state: Mediation, e: m.VisitRecorded) -> Update:
    return {"visits": e.number, "performed": tuple(sorted({*state.performed, *e.performed}))}


def _informed(state: Mediation, _: m.RoutesInformed) -> Update:
    return {"stage": Stage.LEGAL_INFORMED} if state.stage is Stage.BREACHED else {}


def _terminated(_: Mediation, e: m.MediationTerminated) -> Update:
    return {
        "stage": Stage.TERMINATED,
        "reason": e.reason,
        "asks_higher": e.asks_higher,
        "draft": None,
        "appraisal_since": None,
    }


def _lapsed(state: Mediation, _: m.ConfirmationLapsed) -> Update:
    window = state.term("confirm")
    return {"confirmation": Confirmation.LAPSED, "window_ended": window.at if window else None}


def _to(**update: Any) -> Callable[[Mediation, Any], Update]:
    return lambda _, __: dict(update)


_CHANGES: Final[dict[type[Event], Callable[[Mediation, Any], Update]]] = {
    m.MediationHandedBack: _to(handed_back=True),
    m.MediationReleased: _to(handed_back=True),
    m.MediationMoved: _moved,
    m.PartiesRegistered: lambda _, e: {
        "stage": Stage.CONSENT,
        "parties": e.parties,
        "procedure": e.procedure,
        "starts": e.starts,
    },
    m.ConsentRecorded: _consented,
    m.MediationAccepted: _to(stage=Stage.ACCEPTED),
    m.MediatorsAssigned: lambda _, e: {"mediators": e.mediators, "committee": e.committee},
    m.MediatorLeft: _left,
    m.SessionScheduled: lambda _, e: {"session_at": e.at, "told_at": e.told_at},
    m.SessionHeld: lambda _, e: {"stage": Stage.MEDIATING, "sessions": e.number, "session_at": None},
    m.TermProlonged: _to(),
    m.AppraisalStarted: lambda _, e: {"appraisal_since": e.since},
    m.AppraisalEnded: _to(appraisal_since=None),
    m.AgreementDrafted: _drafted,
    m.AgreementReached: _reached,
    m.MediationContinued: _to(stage=Stage.MEDIATING),
    m.FollowUpPlanned: _to(stage=Stage.FOLLOW_UP),
    m.VisitRecorded: _visited,
    m.AgreementPerformed: _to(stage=Stage.PERFORMED),
    m.AgreementBreached: _to(stage=Stage.BREACHED),
    m.RoutesInformed: _informed,
    m.MediationTerminated: _terminated,
    m.PoliceInformed: _to(),
    m.ConfirmationOpened: _to(
        confirmation=Confirmation.CONFIRM_WINDOW, court_extended=False, window_ended=None
    ),
    m.ConfirmationLapsed: _lapsed,
    m.ConfirmationFiled: _to(confirmation=Confirmation.FILED),
    m.CourtAccepted: _to(confirmation=Confirmation.COURT_ACCEPTED),
    m.CourtTimeExtended: _to(court_extended=True),
    m.CourtDecided: lambda _, e: {
        "confirmation": Confirmation.CONFIRMED if e.confirmed else Confirmation.REJECTED
    },
    m.ConfirmationWithdrawn: _to(confirmation=Confirmation.WITHDRAWN),
    m.MediationReminded: _to(),
    m.MediationTimesRecomputed: _to(),
}
