"""The Mediation machine and its confirmation (domain.md §4) as tables: what is not an edge here does not happen."""

from typing import Final

from chassis.decider import Refused
from schemas import mediation as m
from schemas.mediation import Confirmation, Stage
from services.mediation.domain.state import Mediation

S, C = Stage, Confirmation

_TO_TERMINATED: Final = (S.APPLIED, S.REFERRED, S.PROACTIVE, S.CONSENT, S.ACCEPTED, S.MEDIATING, S.PARTIAL)

EDGES: Final[dict[tuple[Stage | None, Stage], str]] = {
    **{(None, stage): "handed over" for stage in (S.APPLIED, S.REFERRED, S.PROACTIVE)},
    **{(stage, S.CONSENT): "RegisterParties" for stage in (S.APPLIED, S.REFERRED, S.PROACTIVE)},
    (S.CONSENT, S.REFUSED): "RecordConsent",
    (S.REFUSED, S.TERMINATED): "RecordConsent",
    (S.CONSENT, S.ACCEPTED): "RecordConsent",
    (S.ACCEPTED, S.MEDIATING): "HoldSession",
    (S.MEDIATING, S.AGREED_WRITTEN): "SignAgreement",
    (S.MEDIATING, S.AGREED_ORAL): "RecordOralAgreement",
    (S.MEDIATING, S.PARTIAL): "SignAgreement or RecordOralAgreement",
    (S.PARTIAL, S.MEDIATING): "ContinueMediation",
    (S.AGREED_WRITTEN, S.FOLLOW_UP): "SignAgreement",
    (S.AGREED_ORAL, S.FOLLOW_UP): "RecordOralAgreement",
    (S.FOLLOW_UP, S.PERFORMED): "RecordVisit",
    (S.FOLLOW_UP, S.BREACHED): "RecordVisit",
    (S.BREACHED, S.LEGAL_INFORMED): "RecordVisit",
    **{(stage, S.TERMINATED): "TerminateMediation, a clock or the router" for stage in _TO_TERMINATED},
    **{
        (final, stage): "handed over again"
        for final in (S.TERMINATED, S.PERFORMED, S.LEGAL_INFORMED)
        for stage in (S.APPLIED, S.REFERRED, S.PROACTIVE)
    },
}
"""From, to, by what. AGREED_*, REFUSED and BREACHED are passed through within one decision."""

CONFIRMATION_EDGES: Final[dict[tuple[Confirmation, Confirmation], str]] = {
    **{(state, C.CONFIRM_WINDOW): "a written agreement" for state in (C.NONE, C.LAPSED, C.CONFIRM_WINDOW)},
    **{(state, C.CONFIRM_WINDOW): "a new agreement" for state in (C.CONFIRMED, C.REJECTED, C.WITHDRAWN)},
    (C.CONFIRM_WINDOW, C.LAPSED): "the term confirm",
    (C.CONFIRM_WINDOW, C.FILED): "FileConfirmation",
    (C.LAPSED, C.FILED): "FileConfirmation, filed in time and entered later",
    (C.FILED, C.COURT_ACCEPTED): "RecordCourtAcceptance",
    (C.FILED, C.REJECTED): "RecordCourtDecision",
    (C.FILED, C.WITHDRAWN): "WithdrawConfirmation",
    (C.COURT_ACCEPTED, C.CONFIRMED): "RecordCourtDecision",
    (C.COURT_ACCEPTED, C.REJECTED): "RecordCourtDecision",
    (C.COURT_ACCEPTED, C.WITHDRAWN): "WithdrawConfirmation",
}
"""R-MED-09; that the court does not accept (QR4), or the parties take it back first (QR5), are edges of the law."""

_UNDER_WAY: Final = (S.ACCEPTED, S.MEDIATING, S.PARTIAL)
IN_STAGES: Final[dict[type[m.MediationCommand], tuple[Stage, ...]]] = {
    m.RegisterParties: (S.APPLIED, S.REFERRED, S.PROACTIVE),
    m.RecordConsent: (S.CONSENT,),
    m.AssignMediators: _UNDER_WAY,
    m.RefuseMediator: _UNDER_WAY,
    m.RecuseMediator: _UNDER_WAY,
    m.ScheduleSession: (S.ACCEPTED, S.MEDIATING),
    m.HoldSession: (S.ACCEPTED, S.MEDIATING),
    m.ProlongMediation: _UNDER_WAY,
    m.StartAppraisal: _UNDER_WAY,
    m.EndAppraisal: _UNDER_WAY,
    m.DraftAgreement: (S.MEDIATING,),
    m.SignAgreement: (S.MEDIATING,),
    m.RecordOralAgreement: (S.MEDIATING,),
    m.ContinueMediation: (S.PARTIAL,),
    m.TerminateMediation: _TO_TERMINATED,
    m.RecordVisit: (S.FOLLOW_UP,),
}
"""In which stages a command may come; one that is not here does not depend on the stage."""
IN_CONFIRMATION: Final[dict[type[m.MediationCommand], tuple[Confirmation, ...]]] = {
    m.FileConfirmation: (C.CONFIRM_WINDOW, C.LAPSED),
    m.RecordCourtAcceptance: (C.FILED,),
    m.ExtendCourtTime: (C.COURT_ACCEPTED,),
    m.RecordCourtDecision: (C.FILED, C.COURT_ACCEPTED),
    m.WithdrawConfirmation: (C.FILED, C.COURT_ACCEPTED),
}


class NoSuchEdge(Exception):
    """A decision would lead where the machine has no edge: a defect of ours."""


def refused(state: Mediation, command: m.MediationCommand) -> Refused | None:
    """Refuse a command that the machine does not know in this state, naming where it would be right."""
    kind = type(command)
    stages = IN_STAGES.get(kind)
    if stages is not None and state.stage not in stages:
        return Refused(
            "WRONG_STAGE", f"{kind.__name__} is for {_or(stages)}; the mediation is in {state.stage}"
        )
    steps = IN_CONFIRMATION.get(kind)
    if steps is not None and state.confirmation not in steps:
        return Refused(
            "WRONG_STAGE", f"{kind.__name__} is for {_or(steps)}; the confirmation is in {state.confirmation}"
        )
    return None


def check(before: Mediation, after: Mediation) -> None:
    """Raise NoSuchEdge where one event led from a state to another without an edge."""
    if before.stage is not after.stage and (before.stage, after.stage) not in EDGES:
        raise NoSuchEdge(f"{before.stage} to {after.stage}")
    step = (before.confirmation, after.confirmation)
    if step[0] is not step[1] and step not in CONFIRMATION_EDGES:
        raise NoSuchEdge(f"{step[0]} to {step[1]}")


def _or(states: tuple[Stage, ...] | tuple[Confirmation, ...]) -> str:
    return " or ".join(states)
