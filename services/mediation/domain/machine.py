"""The Mediation machine, and each agreement's own two (domain.md §4), as tables: all else does not happen.

The stages are those of a round. A round that was agreed upon makes room for another one when the case comes to be
mediated anew; its agreements go on by themselves.
"""

from collections.abc import Container
from typing import Final, TypeVar

from chassis.decider import Refused
from schemas import mediation as m
from schemas.mediation import Confirmation, Performance, Stage
from services.mediation.domain.state import Agreement, Mediation

S, C, P = Stage, Confirmation, Performance
T = TypeVar("T", Confirmation, Performance)

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
    (S.FOLLOW_UP, S.TERMINATED): "sealed",
    **{
        (final, stage): "handed over again"
        for final in (S.TERMINATED, S.PERFORMED, S.LEGAL_INFORMED, S.FOLLOW_UP)
        for stage in (S.APPLIED, S.REFERRED, S.PROACTIVE)
    },
}
"""From, to, by what. AGREED_*, REFUSED and BREACHED are passed through within one decision."""

CONFIRMATION_EDGES: Final[dict[tuple[Confirmation, Confirmation], str]] = {
    (C.NONE, C.CONFIRM_WINDOW): "a written agreement",
    (C.CONFIRM_WINDOW, C.LAPSED): "the term confirm",
    (C.CONFIRM_WINDOW, C.FILED): "FileConfirmation",
    (C.LAPSED, C.FILED): "FileConfirmation, filed in time and entered later",
    (C.WITHDRAWN, C.FILED): "FileConfirmation, again and in time",
    (C.FILED, C.COURT_ACCEPTED): "RecordCourtAcceptance",
    (C.FILED, C.REJECTED): "RecordCourtDecision",
    (C.FILED, C.WITHDRAWN): "WithdrawConfirmation",
    (C.COURT_ACCEPTED, C.CONFIRMED): "RecordCourtDecision",
    (C.COURT_ACCEPTED, C.REJECTED): "RecordCourtDecision",
    (C.COURT_ACCEPTED, C.WITHDRAWN): "WithdrawConfirmation",
}
"""R-MED-09; that the court does not accept (QR4), or the parties take it back first (QR5), are edges of the law."""

PERFORMANCE_EDGES: Final[dict[tuple[Performance, Performance], str]] = {
    (P.FOLLOW_UP, P.PERFORMED): "RecordVisit",
    (P.FOLLOW_UP, P.BREACHED): "RecordVisit",
}
"""R-MED-08: of each agreement, in whatever stage the mediation is."""

_UNDER_WAY: Final = (S.ACCEPTED, S.MEDIATING, S.PARTIAL)
IN_STAGES: Final[dict[type[m.MediationCommand], tuple[Stage, ...]]] = {
    m.RegisterParties: (S.APPLIED, S.REFERRED, S.PROACTIVE),
    m.KeepParties: (S.APPLIED, S.REFERRED, S.PROACTIVE),
    m.RecordConsent: (S.CONSENT,),
    m.SayOpenness: (S.CONSENT, *_UNDER_WAY),
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
}
"""In which stages a command may come; one that is not here does not depend on the stage."""
IN_CONFIRMATION: Final[dict[type[m.AgreementCommand], tuple[Confirmation, ...]]] = {
    m.FileConfirmation: (C.CONFIRM_WINDOW, C.LAPSED, C.WITHDRAWN),
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
    return None


def meant(state: Mediation, command: m.AgreementCommand) -> Agreement | Refused:
    """The agreement that a command is about: the one it names, else the only one that is ready for it."""
    kind, number = type(command), command.agreement
    if number is not None and state.agreement(number) is None:
        known = ", ".join(str(one.number) for one in state.agreements) or "none so far"
        return Refused("UNKNOWN_AGREEMENT", f"agreements of this case: {known}", "agreement")
    ready = [one for one in state.agreements if number in {None, one.number} and _ready(one, kind)]
    if len(ready) > 1:
        numbers = ", ".join(str(one.number) for one in ready)
        return Refused("WHICH_AGREEMENT", f"it can be about the agreements {numbers}: name one", "agreement")
    if not ready:
        where = _or(IN_CONFIRMATION[kind]) if kind in IN_CONFIRMATION else P.FOLLOW_UP
        found = "; ".join(
            f"agreement {one.number} is in {one.performance}, its confirmation in {one.confirmation}"
            for one in state.agreements
        )
        now = found or f"there is none, and the mediation is in {state.stage}"
        return Refused("WRONG_STAGE", f"{kind.__name__} is for an agreement in {where}; {now}")
    return ready[0]


def _ready(agreement: Agreement, kind: type[m.AgreementCommand]) -> bool:
    if kind in IN_CONFIRMATION:
        return agreement.confirmation in IN_CONFIRMATION[kind]
    return agreement.is_followed_up


def check(before: Mediation, after: Mediation) -> None:
    """Raise NoSuchEdge where one event led from a state to another without an edge."""
    if before.stage is not after.stage and (before.stage, after.stage) not in EDGES:
        raise NoSuchEdge(f"{before.stage} to {after.stage}")
    for one in after.agreements:
        was = before.agreement(one.number)
        if was is None:
            continue
        _step(was.confirmation, one.confirmation, CONFIRMATION_EDGES)
        _step(was.performance, one.performance, PERFORMANCE_EDGES)


def _step(before: T, after: T, edges: Container[tuple[T, T]]) -> None:
    if before is not after and (before, after) not in edges:
        raise NoSuchEdge(f"{before} to {after}")


def _or(states: tuple[Stage, ...] | tuple[Confirmation, ...]) -> str:
    return " or ".join(states)
