"""The petition machine (domain.md §4) as a table: from which state to which, by what. All else is refused.

Beyond the rulebook's drawing, by the statute: a unit that received an item itself accepts it (XF23); a suggestion
or a duty is answered without an opinion (XF29, XF31 (5)); whoever has it may find that it belongs to another
procedure (XF28, XF31) or to the discipline body (XF30); a supported claim is carried out, and may be reviewed
(XF32, XF35); a superior outside the jurisdiction is a named exit (XF35); a re-review may hold a hearing (XF36).
"""

from collections.abc import Mapping
from typing import Any, Final

from chassis.decider import Refused
from schemas import petition as p
from schemas.mediation import MediationHandedBack
from schemas.petition import PetitionStatus
from schemas.router import (
    CaseAnswered,
    CaseClosed,
    CaseDispatched,
    CaseRedirected,
    EmergencyTransferred,
    HelpersRecused,
    TrackChosen,
    TriageQueued,
)
from services.petition.domain.petition import OVER, UNDER_OPINION, S

From = PetitionStatus | None
Moves = Mapping[From, frozenset[PetitionStatus]]
By = type[Any] | str
"""A command, an event of another service, or the name of a clock."""

OPEN: Final = frozenset(S) - OVER
_ENDED: Final = OVER - {S.DISCIPLINE_SEALED}
"""What the router says of one of them can still say who is complained of (R-LAD-04)."""
_SENT: Final = frozenset({S.FORWARDED, S.ASSIGNED})
_ARRIVED: Final = _SENT | {S.REGISTERED}
_WORKING: Final = frozenset({S.ACCEPTED, S.INVESTIGATING})
_BEFORE_OPINION: Final = _WORKING | {S.HEARING, S.MEDIATING}
_LATER: Final = UNDER_OPINION | {S.REVIEW, S.RECHECK}


def _each(states: frozenset[PetitionStatus], *to: PetitionStatus) -> Moves:
    return {state: frozenset(to) for state in states}


def _stays(states: frozenset[PetitionStatus]) -> Moves:
    return {state: frozenset({state}) for state in states}


def _moves_away(*also: PetitionStatus) -> Moves:
    """Who is complained of hands it over: before an opinion to be sorted anew, later to the unit above; it leaves
    where there is nobody."""
    moves: dict[From, frozenset[PetitionStatus]] = {
        state: frozenset({state, S.STATUTORY_ROUTED, *also}) for state in _LATER
    }
    return moves | {
        state: frozenset({state, S.REGISTERED, S.STATUTORY_ROUTED, *also}) for state in OPEN - _LATER
    }


_WINDOW: Final[Moves] = {
    S.OPINION: frozenset({S.LAPSED}),
    S.REVIEW_OPINION: frozenset({S.LAPSED}),
    S.EXECUTING: frozenset({S.SETTLED, S.EXECUTING}),
}

MOVES: Final[Mapping[By, Moves]] = {
    CaseDispatched: {
        None: frozenset({S.RECEIVED, S.STATUTORY_ROUTED}),
        S.LEFT: OPEN - {S.MEDIATING} | {S.STATUTORY_ROUTED, S.LEFT},
        **_moves_away(S.LEFT),
        **_stays(_ENDED - {S.LEFT}),
    },
    TrackChosen: _each(OPEN, S.LEFT),
    CaseRedirected: {
        **_each(OPEN, S.LEFT, S.DISCIPLINE_SEALED),
        **{state: frozenset({state, S.DISCIPLINE_SEALED}) for state in _ENDED},
    },
    HelpersRecused: {**_moves_away(), S.LEFT: frozenset({S.LEFT})},
    EmergencyTransferred: {**_each(OPEN, S.LEFT), **_stays(_ENDED)},
    TriageQueued: _stays(OPEN | _ENDED),
    CaseAnswered: _stays(OPEN | _ENDED),
    CaseClosed: _each(OPEN, S.LEFT),
    MediationHandedBack: {S.MEDIATING: frozenset({S.SETTLED, S.INVESTIGATING})},
    p.RegisterPetition: {S.RECEIVED: frozenset({S.REGISTERED, S.NOT_ACCEPTED, S.STATUTORY_ROUTED})},
    p.ForwardPetition: {S.REGISTERED: frozenset({S.FORWARDED})},
    p.AssignPetition: {S.REGISTERED: frozenset({S.ASSIGNED})},
    p.RoutePetition: _each(_ARRIVED | _WORKING, S.STATUTORY_ROUTED),
    p.SealPetition: _each(OPEN, S.DISCIPLINE_SEALED),
    p.DeclinePetition: {S.REGISTERED: frozenset({S.NOT_ACCEPTED})},
    p.ObjectPetition: _each(_SENT, S.OBJECTED),
    p.DecidePetitionObjection: {S.OBJECTED: frozenset({S.REGISTERED, S.FORWARDED, S.ASSIGNED})},
    p.DecidePetitionDispute: _each(_ARRIVED | {S.OBJECTED}, S.FORWARDED),
    p.AcceptPetition: _each(_ARRIVED, S.ACCEPTED),
    p.InvestigatePetition: {S.ACCEPTED: frozenset({S.INVESTIGATING})},
    p.OpenPetitionHearing: _each(frozenset({S.INVESTIGATING, S.RECHECK}), S.HEARING),
    p.ClosePetitionHearing: {S.HEARING: frozenset({S.INVESTIGATING, S.RECHECK})},
    p.MediatePetition: {S.INVESTIGATING: frozenset({S.MEDIATING})},
    p.ExtendPetition: _stays(_BEFORE_OPINION),
    p.LeaveSimpleProcedure: _stays(_BEFORE_OPINION),
    p.IssueOpinion: {S.INVESTIGATING: frozenset({S.OPINION})},
    p.IssueReviewOpinion: {
        S.REVIEW: frozenset({S.REVIEW_OPINION}),
        S.RECHECK: frozenset({S.REVIEW_OPINION, S.FINAL}),
    },
    p.DeliverOpinion: {
        S.OPINION: frozenset({S.OPINION, S.EXECUTING}),
        S.REVIEW_OPINION: frozenset({S.REVIEW_OPINION, S.EXECUTING}),
    },
    p.ReportExecution: {S.EXECUTING: frozenset({S.EXECUTING, S.SETTLED})},
    p.RequestReview: {
        S.OPINION: frozenset({S.REVIEW, S.STATUTORY_ROUTED}),
        S.REVIEW_OPINION: frozenset({S.RECHECK, S.STATUTORY_ROUTED}),
        S.EXECUTING: frozenset({S.REVIEW, S.RECHECK, S.STATUTORY_ROUTED}),
        S.LEFT: frozenset({S.LEFT}),
    },
    p.ReportPetitionCompletion: _stays(_LATER),
    p.AnswerPetition: _each(_WORKING, S.SETTLED),
    p.SetPetitionLeader: _stays(OPEN),
    p.InviteThirdParty: _stays(_BEFORE_OPINION | UNDER_OPINION),
    p.RecuseOfficer: _stays(OPEN),
    p.NamePetitionSubjects: _moves_away(),
    p.SupervisePetition: _stays(OPEN),
    p.AnswerSupervision: _stays(OPEN),
    p.ReportUrgentPetition: _stays(OPEN),
    p.EvaluatePetition: _stays(_LATER | (OVER - {S.DISCIPLINE_SEALED})),
    p.RecomputePetitionDeadlines: _stays(OPEN),
    "review_apply": _WINDOW,
}
"""Clocks other than `review_apply` remind and supervise: the petition stays where it is (R-PET-14)."""


def refused(status: From, by: By) -> Refused | None:
    """Refuse what the machine does not have."""
    moves = MOVES[by]
    if status in moves:
        return None
    name = by if isinstance(by, str) else by.__name__
    if status in OVER:
        return Refused("OVER", f"the petition is over ({status}); {name} is not possible any more")
    states = ", ".join(sorted(state for state in moves if state is not None))
    return Refused("NOT_IN_THIS_STATE", f"the petition is {status}; {name} is possible in: {states}")
