"""`evolve`: the state after each of petition's own events."""

from collections.abc import Callable
from typing import Any, Final

from schemas import petition as p
from schemas.message import Event
from schemas.router import Term
from services.petition.domain.petition import Away, Petition, Recusal, S

Update = dict[str, Any]


def evolve(state: Petition, event: Event) -> Petition:
    """Return the state after `event`."""
    change = _CHANGES.get(type(event))
    if change is None:
        return state
    update = change(state, event)
    if isinstance(event, p.PetitionEvent):
        update["terms"] = event.terms
        update["late"] = tuple(name for name in update.get("late", state.late) if _stands(state, event, name))
    unit = update.get("unit")
    if unit is not None and unit not in state.holders:
        update["holders"] = (*update.get("holders", state.holders), unit)
    return state.model_copy(update=update)


def _stands(state: Petition, event: p.PetitionEvent, name: str) -> bool:
    """Whether the clock that ran out is still the same."""

    def found(terms: tuple[Term, ...]) -> Term | None:
        return next((term for term in terms if term.name == name), None)

    return found(event.terms) is not None and found(event.terms) == found(state.terms)


def _received(state: Petition, e: p.PetitionReceived) -> Update:
    fresh = Petition(case_id=state.case_id).model_dump()
    kept = {
        "holders": state.holders,
        "subjects": e.subjects,
        "suspected": state.suspected,
        "recused": state.recused,
    }
    return {**fresh, **kept, "status": S.RECEIVED, "unit": e.unit, "matter": e.matter, "place": e.place}


def _registered(_: Petition, e: p.PetitionRegistered) -> Update:
    names = ("nature", "petitioners", "identified", "urgent", "same_as", "subjects")
    return {"status": S.REGISTERED, **{name: getattr(e, name) for name in names}}


def _forwarded(_: Petition, e: p.PetitionForwarded) -> Update:
    return {
        "status": S.ASSIGNED if e.assigned else S.FORWARDED,
        "unit": e.unit,
        "sender": e.sender,
        "assigned": e.assigned,
        "simple": e.simple,
        "locked": False,
    }


def _over(status: S) -> Callable[[Petition, Any], Update]:
    return lambda _, __: {"status": status, "unit": None, "paused_at": None}


def _routed(_: Petition, e: p.PetitionRouted) -> Update:
    return {"status": S.STATUTORY_ROUTED, "unit": None, "exit": e.exit.code}


def _sealed(_: Petition, e: p.PetitionSealed) -> Update:
    return {"status": S.DISCIPLINE_SEALED, "unit": None, "paused_at": None, "subjects": e.subjects}


def _objection_decided(state: Petition, e: p.PetitionObjectionDecided) -> Update:
    if e.consented:
        return {"status": S.REGISTERED, "unit": e.unit, "assigned": False, "sender": None}
    return {"status": S.ASSIGNED if state.assigned else S.FORWARDED, "locked": True}


def _dispute_decided(_: Petition, e: p.PetitionDisputeDecided) -> Update:
    return {"status": S.FORWARDED, "unit": e.unit, "sender": e.decided_by, "locked": True}


def _accepted(_: Petition, e: p.PetitionAccepted) -> Update:
    return {
        "status": S.ACCEPTED,
        "nature": e.nature,
        "simple": e.simple,
        "handler": e.unit,
        "accepted_at": e.terms[0].since,
    }


def _hearing_opened(_: Petition, e: p.HearingOpened) -> Update:
    since = next(term.since for term in e.terms if term.name == "hearing")
    return {"status": S.HEARING, "paused_at": since if e.pauses else None}


def _hearing_closed(state: Petition, _: p.HearingClosed) -> Update:
    return {"status": S.RECHECK if state.paused_at else S.INVESTIGATING, "paused_at": None}


def _issued(state: Petition, e: p.OpinionIssued) -> Update:
    author = e.by.subject if e.by else None
    return {
        "status": S.OPINION if e.level == 0 else S.REVIEW_OPINION,
        "issuer": e.unit,
        "outcome": e.outcome,
        "executed": False,
        "simple": False,
        "terminated": e.level == 2,
        "authors": (*state.authors, author) if author else state.authors,
    }


def _delivered(state: Petition, e: p.OpinionDelivered) -> Update:
    if e.executing is None:
        return {}
    return {"status": S.EXECUTING, "unit": e.executing}


def _review_requested(state: Petition, e: p.ReviewRequested) -> Update:
    status = S.REVIEW if e.level == 1 else S.RECHECK
    update: Update = {"level": e.level, "executed": False}
    if state.away is None:
        return {**update, "status": status, "unit": e.unit}
    return {**update, "away": state.away.model_copy(update={"status": status, "unit": e.unit})}


def _left(state: Petition, e: p.PetitionLeft) -> Update:
    """A mediation inside the petition ends when it leaves."""
    status = S.INVESTIGATING if state.status is S.MEDIATING else state.status
    away = Away(status=status, unit=state.unit or "", reason=e.reason) if status else None
    return {"status": S.LEFT, "unit": None, "away": away}


def _recused(state: Petition, e: p.OfficerRecused) -> Update:
    return {"recused": (*state.recused, Recusal(officer=e.officer, unit=e.unit))}


def _subjects_named(state: Petition, e: p.PetitionSubjectsNamed) -> Update:
    if e.unit is None:
        return {"subjects": e.subjects}
    if state.has_opinion:
        return {"subjects": e.subjects, "unit": e.unit}
    sorted_anew = {"status": S.REGISTERED, "sender": None, "locked": False}
    return {"subjects": e.subjects, "unit": e.unit, **sorted_anew}


def _to(status: S) -> Callable[[Petition, Any], Update]:
    return lambda _, __: {"status": status}


def _nothing(_: Petition, __: Any) -> Update:
    return {}


_CHANGES: Final[dict[type[Event], Callable[[Petition, Any], Update]]] = {
    p.PetitionReceived: _received,
    p.PetitionRegistered: _registered,
    p.PetitionForwarded: _forwarded,
    p.PetitionRouted: _routed,
    p.PetitionSealed: _sealed,
    p.PetitionDeclined: _over(S.NOT_ACCEPTED),
    p.PetitionObjected: _to(S.OBJECTED),
    p.PetitionObjectionDecided: _objection_decided,
    p.PetitionDisputeDecided: _dispute_decided,
    p.PetitionAccepted: _accepted,
    p.InvestigationBegun: _to(S.INVESTIGATING),
    p.HearingOpened: _hearing_opened,
    p.HearingClosed: _hearing_closed,
    p.PetitionSentToMediation: lambda _, __: {"status": S.MEDIATING, "coordinated": True},
    p.MediationReturned: _to(S.INVESTIGATING),
    p.OpinionExtended: lambda _, __: {"extended": True},
    p.SimpleProcedureLeft: lambda _, __: {"simple": False},
    p.OpinionIssued: _issued,
    p.OpinionDelivered: _delivered,
    p.ExecutionReported: lambda state, e: {"executed": state.executed or e.done},
    p.ReviewWindowClosed: _nothing,
    p.ReviewRequested: _review_requested,
    p.CompletionReported: _nothing,
    p.PetitionAnswered: _nothing,
    p.PetitionSettled: _over(S.SETTLED),
    p.PetitionLapsed: _over(S.LAPSED),
    p.PetitionTerminated: _over(S.FINAL),
    p.PetitionLeft: _left,
    p.PetitionResumed: lambda _, e: {"status": e.stage, "unit": e.unit, "away": None},
    p.PetitionLeaderSet: lambda _, e: {"leader": e.leader},
    p.ThirdPartyInvited: lambda _, __: {"coordinated": True},
    p.OfficerRecused: _recused,
    p.PetitionSubjectsNamed: _subjects_named,
    p.PetitionSubjectsSuspected: lambda _, e: {"suspected": e.suspected},
    p.PetitionSupervised: lambda _, __: {"supervised": True},
    p.SupervisionAnswered: _nothing,
    p.UrgentReported: lambda _, __: {"reported": True},
    p.PetitionEvaluated: lambda state, e: {
        "evaluated": True,
        "evaluated_by_petitioner": state.evaluated_by_petitioner or e.by is None,
    },
    p.PetitionReminded: lambda state, e: {"late": (*state.late, e.term)},
    p.PetitionAtRisk: _nothing,
    p.PetitionDeadlinesRecomputed: _nothing,
}
