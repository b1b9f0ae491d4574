"""`evolve`: the state after each of the router's own events. Events of the department topics change nothing."""

from collections.abc import Callable
from typing import Any, Final

from schemas import router as r
from schemas.department import HandlingMode
from schemas.message import Event
from services.router.domain.workorder import FINAL, Claim, Holder, S, Seat, WorkOrder, findings, taken

Update = dict[str, Any]
_OFF_LADDER: Final[Update] = {
    "queue": None,
    "taken_from": None,
    "number": 0,
    "rung": None,
    "helpers": (),
    "copies": (),
    "receiver": None,
    "procedure": None,
    "overdue": False,
    "supervised": False,
}
_FRESH_OWNER: Final[Update] = {
    "queue": None,
    "taken_from": None,
    "exit": None,
    "receiver": None,
    "breaches": 0,
    "overdue": False,
    "supervised": False,
    "warned": False,
    "second_breach": False,
    "leader": None,
    "extended": False,
    "pending": None,
    "pending_days": None,
    "suspended_at": None,
    "replied": False,
    "verified": False,
    "explained": False,
    "redone": False,
    "attempts": 0,
    "claim": None,
    "procedure": None,
    "given_back": False,
}
"""What belongs to the unit that had the case before, and ends with it."""
INSTRUCTION: Final = "instruction"
"""The rule of a time that a leader set (R-MODE-01)."""
TRIAGE: Final = "triage"
"""The clock of a case that waits for a human: nobody handles it yet, so it is this one that makes it late."""


def evolve(state: WorkOrder, event: Event) -> WorkOrder:
    """Return the state after `event`."""
    change = _CHANGES.get(type(event))
    if change is None:
        return state
    update = change(state, event)
    if isinstance(event, r.Disposition) and event.registered is not None:
        update = {**findings(event.registered), **update}
    if isinstance(event, r.ClockedEvent):
        update["terms"] = event.terms
    return state.model_copy(update=update)


def _queued(state: WorkOrder, e: r.TriageQueued) -> Update:
    """A case that waits already, and was added to, is as late as it was."""
    waits: Update = {"status": S.REGISTERED, "unit": e.unit, "queue": e.reason}
    if state.queue is not None:
        return waits
    had = _holder(state, e) if e.taken_from else None
    return {**_FRESH_OWNER, **_OFF_LADDER, **waits, "taken_from": had, "given_back": _is_over(state)}


def _is_over(state: WorkOrder) -> bool:
    """Whether the procedure of the case is; with a closed case that is reopened it begins anew (R-HOT-08)."""
    return state.given_back and state.status not in FINAL


def _holder(state: WorkOrder, e: r.ClockedEvent) -> Holder | None:
    """Who has the case, and what it had used up or was told. Whoever had a closed one begins anew (R-HOT-08)."""
    if state.unit is None or not state.number:
        return None
    had = Holder(unit=state.unit, number=state.number, rung=state.rung or 0)
    if state.status in FINAL:
        return had
    window, handle = state.term("object"), state.term("handle")
    may_object = window is not None and all(term.since < window.at for term in e.terms)
    is_leaders = state.leader is not None and (state.extended or (handle and handle.rule == INSTRUCTION))
    update = {
        "locked": not (may_object or state.status is S.OBJECTED),
        "extended": state.extended,
        "leader": state.leader,
        "handle_by": handle.at if handle and is_leaders else None,
    }
    return had.model_copy(update=update)


def _answered(_: WorkOrder, e: r.CaseAnswered) -> Update:
    return {**_OFF_LADDER, "status": S.ANSWERED_DIRECT, "unit": e.unit}


def _redirected(state: WorkOrder, e: r.CaseRedirected) -> Update:
    unit, number = e.exit.authority, e.assignment
    return {
        **_added(e),
        **_OFF_LADDER,
        "status": S.REDIRECTED,
        "unit": None,
        "exit": e.exit.code,
        "receiver": Seat(unit=unit, number=number) if unit and number else None,
        "issued": number or state.issued,
    }


def _added(e: r.CaseDispatched | r.CaseRedirected) -> Update:
    """Parties and subjects that became known with this step."""
    found = {"parties": e.parties, "subjects": e.subjects}
    return {name: codes for name, codes in found.items() if codes is not None}


def _linked(_: WorkOrder, e: r.CaseLinked) -> Update:
    return {**_OFF_LADDER, "status": S.LINKED_DUP, "unit": e.unit, "linked_to": e.to}


def _emergency(state: WorkOrder, e: r.EmergencyTransferred) -> Update:
    """What remains of it goes on from who had it (R-LAD-10), unless a human found another matter."""
    at_line: Update = {"status": S.EMERGENCY_XFER, "unit": e.unit, "exit": None, "line": e.line}
    had = None if e.registered else state.taken_from or _holder(state, e)
    return {**_OFF_LADDER, **at_line, "taken_from": had, "given_back": _is_over(state)}


def _escalated(state: WorkOrder, e: r.CaseEscalated) -> Update:
    return {"status": S.ESCALATED, "taken_from": _holder(state, e)}


def _dispatched(state: WorkOrder, e: r.CaseDispatched) -> Update:
    seats, had = (*e.helpers, *e.copies), state.taken_from
    leader = had.leader if had else state.leader
    return {
        **_added(e),
        **_FRESH_OWNER,
        "extended": had is not None and had.extended and had.unit in {e.unit, e.route.successor_of},
        "status": S.DISPATCHED_LOCKED if e.locked else S.DISPATCHED,
        "unit": e.unit,
        "number": e.number,
        "issued": max(e.number, *(seat.number for seat in seats)) if seats else e.number,
        "rung": e.rung,
        "mode": e.mode,
        "matter": e.matter,
        "track": e.track,
        "urgency": e.urgency,
        "helpers": taken(e.helpers),
        "copies": taken(e.copies),
        "given_back": e.given_back,
        "leader": leader if e.mode is HandlingMode.INSTRUCTED else None,
    }


def _settled(_: WorkOrder, e: r.SettledOnSite) -> Update:
    return {
        **_FRESH_OWNER,
        "status": S.REPLIED,
        "unit": e.unit,
        "rung": e.rung,
        "number": 1,
        "issued": 1,
        "mode": HandlingMode.DIRECT,
        "replied": True,
        "verified": True,
    }


def _adjudicated(_: WorkOrder, e: r.ObjectionAdjudicated) -> Update:
    return {} if e.upheld else {"status": S.DISPATCHED_LOCKED}


def _extension_decided(_: WorkOrder, e: r.ExtensionDecided) -> Update:
    granted: Update = {"status": S.EXTENDED, "extended": True} if e.granted else {}
    return {"pending": None, "pending_days": None, **granted}


def _suspension_decided(_: WorkOrder, e: r.SuspensionDecided) -> Update:
    granted: Update = {"status": S.SUSPENDED, "suspended_at": e.since} if e.granted else {}
    return {"pending": None, **granted}


def _delivered(state: WorkOrder, e: r.HelpDelivered) -> Update:
    helpers = tuple(
        Seat(unit=seat.unit, number=seat.number, answered=seat.answered or seat.unit == e.unit)
        for seat in state.helpers
    )
    return {"helpers": helpers}


def _whistled(state: WorkOrder, e: r.DepartmentsWhistled) -> Update:
    return {
        "helpers": (*state.helpers, *taken(e.helpers)),
        "issued": max(seat.number for seat in e.helpers),
        "mode": state.mode if state.mode is HandlingMode.INSTRUCTED else HandlingMode.JOINT,
    }


def _police_joined(state: WorkOrder, e: r.PoliceJoined) -> Update:
    return {"helpers": (*state.helpers, *taken((e.police,))), "issued": e.police.number}


def _recused(state: WorkOrder, e: r.HelpersRecused) -> Update:
    gone = {seat.number for seat in e.helpers}
    left = tuple(seat for seat in state.helpers if seat.number not in gone)
    alone = not left and state.mode is HandlingMode.JOINT
    mode = HandlingMode.TRANSFER if alone else state.mode
    return {"helpers": left, "subjects": e.subjects, "mode": mode, "unit": e.unit}


def _redo(state: WorkOrder, e: r.RedoOrdered) -> Update:
    return {
        "status": S.REDO,
        "redone": state.redone or not e.unanswered,
        "replied": False,
        "verified": False,
        "explained": False,
        "overdue": False,
        "attempts": 0,
        "extended": False,
    }


def _replied(_: WorkOrder, e: r.CaseReplied) -> Update:
    verified = e.check is not None and e.check.matches
    explained = bool(e.explanation)
    return {
        "status": S.REPLIED,
        "replied": True,
        "verified": verified,
        "explained": explained,
        "pending": None,
    }


def _claimed(_: WorkOrder, e: r.CallbackClaimed) -> Update:
    return {"claim": Claim(subject=e.by.subject, until=e.until) if e.by else None}


def _recorded(state: WorkOrder, e: r.CallbackRecorded) -> Update:
    if e.report is not None:
        return {}  # the case's own reporter is still to be called
    return {"attempts": state.attempts if e.contacted else e.attempt, "claim": None}


def _closed(_: WorkOrder, e: r.CaseClosed) -> Update:
    closed: Update = {"status": S.CLOSED, "queue": None, "helpers": (), "copies": (), "pending": None}
    return {**closed, "procedure": None, "claim": None, "reopen_until": e.reopen_until}


def _chosen(_: WorkOrder, e: r.TrackChosen) -> Update:
    return {"track": e.track, "track_asked": e.track, "procedure": None, "given_back": False}


def _advanced(state: WorkOrder, e: r.ProcedureAdvanced) -> Update:
    """What the unit had asked for, replied or was late with is over where the procedure begins or sets its time."""
    is_still_late = state.overdue and any(term.name == "supervise" for term in e.terms)
    in_time: Update = {"overdue": False, "supervised": False, "warned": False, "second_breach": False}
    return {
        **({} if is_still_late else in_time),
        "status": S.HANDLING,
        "procedure": e.procedure,
        "pending": None,
        "pending_days": None,
        "suspended_at": None,
        "replied": False,
        "verified": False,
        "explained": False,
        "attempts": 0,
    }


def _procedure_ended(state: WorkOrder, e: r.ProcedureEnded) -> Update:
    subjects = state.subjects if e.subjects is None else e.subjects
    return {"procedure": None, "given_back": True, "subjects": subjects}


def _breached(state: WorkOrder, e: r.DeadlineBreached) -> Update:
    second = state.second_breach or state.warned
    return {"breaches": e.breaches, "overdue": True, "second_breach": second, "pending": None}


def _reminded(_: WorkOrder, e: r.DeadlineReminded) -> Update:
    return {"overdue": True} if e.term == TRIAGE else {}


def _supervised(state: WorkOrder, e: r.CaseSupervised) -> Update:
    if e.term == TRIAGE:
        return {"overdue": True, "supervised": True}
    if not state.number or e.unit != state.unit:
        return {}
    return {"supervised": True, "warned": state.warned or state.breaches > 0}


def _to(status: S) -> Callable[[WorkOrder, Any], Update]:
    return lambda _, __: {"status": status}


_CHANGES: Final[dict[type[Event], Callable[[WorkOrder, Any], Update]]] = {
    r.TriageQueued: _queued,
    r.CaseAnswered: _answered,
    r.CaseRedirected: _redirected,
    r.CaseLinked: _linked,
    r.CaseUnlinked: lambda _, __: {"linked_to": None},
    r.EmergencyTransferred: _emergency,
    r.EmergencyConfirmed: lambda _, __: {},
    r.CaseDispatched: _dispatched,
    r.AssignmentSigned: _to(S.SIGNED),
    r.AssignmentObjected: _to(S.OBJECTED),
    r.ObjectionLapsed: lambda _, __: {},
    r.ObjectionAdjudicated: _adjudicated,
    r.ContactRecorded: _to(S.HANDLING),
    r.ProgressReported: _to(S.HANDLING),
    r.ExtensionRequested: lambda _, e: {"pending": "extension", "pending_days": e.days},
    r.ExtensionDecided: _extension_decided,
    r.SuspensionRequested: lambda _, __: {"pending": "suspension"},
    r.SuspensionDecided: _suspension_decided,
    r.CaseResumed: lambda _, __: {"status": S.HANDLING, "suspended_at": None},
    r.HelpDelivered: _delivered,
    r.DepartmentsWhistled: _whistled,
    r.PoliceJoined: _police_joined,
    r.HelpersRecused: _recused,
    r.CaseEscalated: _escalated,
    r.CaseInstructed: lambda _, e: {"leader": e.leader, "mode": HandlingMode.INSTRUCTED},
    r.CaseReplied: _replied,
    r.CallbackOpened: lambda _, __: {"status": S.CALLBACK, "claim": None},
    r.SettledOnSite: _settled,
    r.CallbackClaimed: _claimed,
    r.CallbackRecorded: _recorded,
    r.RedoOrdered: _redo,
    r.LawfulReviewOffered: lambda _, __: {},
    r.CaseClosed: _closed,
    r.CaseReopened: lambda _, e: {"reopen_until": None, "reopened": e.times},
    r.CaseArchived: lambda _, __: {"status": S.ARCHIVED, "terms": (), "receiver": None},
    r.TrackChosen: _chosen,
    r.ProcedureAdvanced: _advanced,
    r.ProcedureEnded: _procedure_ended,
    r.DeadlineAtRisk: lambda _, __: {},
    r.DeadlineReminded: _reminded,
    r.DeadlineBreached: _breached,
    r.CaseSupervised: _supervised,
    r.DeadlineRecomputed: lambda _, __: {},
}
