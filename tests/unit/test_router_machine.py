"""The WorkOrder machine (domain.md §4): every edge of the table is walked, and nothing walks another."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from chassis.decider import Input, Refused, TimerDue
from schemas import router as r
from schemas.intake import CaseSupplemented, CaseWithdrawn, FeedbackGiven, ReopeningAsked
from schemas.mediation import MediationDutyMoved, MediationHandedBack
from schemas.procedure import HandBack
from schemas.router import OrderStatus as S
from schemas.values import Emergency, OnSiteResolution
from tests.unit.router_kit import (
    CASE,
    COMMUNITY,
    MONDAY,
    OPERATOR,
    SUPERVISOR,
    Hit,
    Match,
    Oracle,
    Played,
    actor,
    open_case,
    proof,
    router,
    submitted,
)
from tests.unit.router_machine import EDGES

Edge = tuple[S | None, S]
Start = Callable[[], Played]
WORDS = "理由充分"
FIRE = Emergency(line="119", ground="着火")


def after(start: Start, *moves: Callable[[Played], Input]) -> Start:
    def played() -> Played:
        case = start()
        for move in moves:
            case.give(move(case))
        return case

    return played


def fresh() -> Played:
    return Played(router(Oracle(Match((Hit("property.leak"),), 0.2))))


def queued() -> Played:
    case = fresh()
    case.give(submitted(None))
    return case


def sign(case: Played) -> Input:
    return r.SignAssignment(actor=case.owner)


def contact(case: Played) -> Input:
    return r.RecordContact(actor=case.owner)


def reply(case: Played) -> Input:
    return r.ReplyCase(actor=case.owner, result="已修好", explanation="情况如此")


def handle_time(case: Played) -> Input:
    timer = next(t for t in case.router.due(case.state) if t.name == "handle")
    case.at = timer.at
    return TimerDue(timer.name, timer.at)


def archive(case: Played) -> Input:
    case.at = next(t.at for t in case.router.due(case.state) if t.name == "archive")
    return TimerDue("archive", case.at)


def always(given: Input) -> Callable[[Played], Input]:
    return lambda _: given


LONGER = always(r.DecideExtension(actor=OPERATOR, granted=True, reason=WORDS))
SHELVED = always(r.DecideSuspension(actor=OPERATOR, granted=True, reason=WORDS))
REJECTED = always(r.AdjudicateObjection(actor=OPERATOR, upheld=False, reason=WORDS))
UNSETTLED = always(r.RecordCallback(actor=OPERATOR, contacted=True))
SATISFIED = always(r.RecordCallback(actor=OPERATOR, contacted=True, resolved=True, satisfied=True))


def longer(case: Played) -> Input:
    return r.RequestExtension(actor=case.owner, reason=WORDS, days=3)


def shelve(case: Played) -> Input:
    return r.RequestSuspension(actor=case.owner, reason=WORDS)


def accused(case: Played) -> Input:
    """By name, on a track on which no procedure is about to begin."""
    chosen = r.ChooseTrack(actor=OPERATOR, track="S")
    if not isinstance(case.router.decide(case.state, chosen, case.at), Refused):
        case.give(chosen)
    case.router = router(Oracle(blamed=(case.state.unit or "",)))
    return CaseSupplemented(text=WORDS)


def reopened_in_anger(case: Played) -> Input:
    """For the unit that had it is accused by name."""
    case.router = router(Oracle(blamed=(case.state.unit or "",)))
    return ReopeningAsked(reason=WORDS)


def object_(case: Played) -> Input:
    return r.ObjectAssignment(actor=case.owner, reason=WORDS)


def duty(unit: str | None = None) -> Callable[[Played], Input]:
    return lambda case: MediationDutyMoved(
        unit=unit or case.state.unit or COMMUNITY, stage="MEDIATING", due=case.at + timedelta(days=30)
    )


def back(result: HandBack, **more: Any) -> Callable[[Played], Input]:
    return always(MediationHandedBack(result=result, unit=COMMUNITY, explanation=WORDS, **more))


HANDLED = after(open_case, sign, contact)
CALLED_BACK = after(HANDLED, reply)
SERVED = after(lambda: open_case("livelihood.elderly"), sign, contact, reply)


def cleared() -> Played:
    done = OnSiteResolution(unit="GL010101", measure="已清理", resolved_at=MONDAY)
    return open_case("traffic.bus", resolved=done)


STARTS: dict[str, Start] = {
    "unknown": fresh,
    "queued": queued,
    "answered": after(
        queued, always(r.TriageCase(actor=OPERATOR, judged=r.Judged.ANSWERED, answer="已当面说明"))
    ),
    "redirected": after(queued, always(r.TriageCase(actor=OPERATOR, judged=r.Judged.STATUTORY))),
    "linked": lambda: open_case(repeat_of=CASE, new_facts=False),
    "at the line": lambda: open_case(emergency=FIRE),
    "from a unit to the line": after(HANDLED, always(CaseSupplemented(text="着火", emergency=FIRE))),
    "confirmed": after(
        lambda: open_case(emergency=FIRE), always(r.ConfirmEmergency(actor=OPERATOR, reference="1"))
    ),
    "dispatched": open_case,
    "objected": after(open_case, object_),
    "locked": after(open_case, object_, REJECTED),
    "signed": after(open_case, sign),
    "handled": HANDLED,
    "asks for time": after(HANDLED, longer),
    "extended": after(HANDLED, longer, LONGER),
    "asks to suspend": after(HANDLED, shelve),
    "extended, asks to suspend": after(HANDLED, longer, LONGER, shelve),
    "suspended": after(HANDLED, shelve, SHELVED),
    "in mediation": after(open_case, duty()),
    "called back": CALLED_BACK,
    "expired": after(HANDLED, handle_time),
    "redone": after(CALLED_BACK, UNSETTLED),
    "taken back": after(HANDLED, accused),
    "closed": after(CALLED_BACK, SATISFIED),
    "archived": after(CALLED_BACK, SATISFIED, archive),
    "a service closed": after(SERVED, SATISFIED),
    "a service archived": after(SERVED, SATISFIED, archive),
    "settled on the spot, closed": after(cleared, SATISFIED),
    "settled on the spot, archived": after(cleared, SATISFIED, archive),
}


def lift(ground: r.Ground, *kinds: str, **more: Any) -> Callable[[Played], Input]:
    return always(r.EscalateCase(actor=SUPERVISOR, ground=ground, evidence=proof(*kinds), **more))


def recused(*subjects: str) -> Callable[[Played], Input]:
    return lambda case: r.EscalateCase(
        actor=SUPERVISOR,
        ground=r.Ground.SUBJECT_SKIPPED,
        evidence=proof("interest_declaration"),
        subjects=subjects or (case.state.unit or COMMUNITY,),
    )


def instruct(unit: str | None) -> Callable[[Played], Input]:
    return lambda case: r.InstructCase(
        actor=SUPERVISOR,
        unit=unit or case.state.unit or COMMUNITY,
        handle_by=case.at + timedelta(days=9),
        leader="街道办",
        note=WORDS,
    )


MOVES: dict[str, Callable[[Played], Input]] = {
    "submit": always(submitted()),
    "submit in doubt": always(submitted(None)),
    "submit a statutory matter": always(submitted("government.penalty")),
    "submit a danger": always(submitted(emergency=FIRE)),
    "submit a repeat": always(submitted(repeat_of=CASE, new_facts=False)),
    "submit what the hotline answered": always(
        submitted(resolved=OnSiteResolution(unit="GL-HOTLINE", measure="已答复", resolved_at=MONDAY))
    ),
    "submit what the grid settled": always(
        submitted(resolved=OnSiteResolution(unit="GL010101", measure="已清理", resolved_at=MONDAY))
    ),
    "triage": always(r.TriageCase(actor=OPERATOR, matter="property.leak")),
    "triage: cleared": always(r.TriageCase(actor=OPERATOR, subjects=())),
    "triage: answered": always(r.TriageCase(actor=OPERATOR, judged=r.Judged.ANSWERED, answer="已当面说明")),
    "triage: statutory": always(r.TriageCase(actor=OPERATOR, judged=r.Judged.STATUTORY)),
    "triage: danger": always(r.TriageCase(actor=OPERATOR, matter="family.violence")),
    "sign": sign,
    "object": object_,
    "reject the objection": REJECTED,
    "uphold the objection": always(
        r.AdjudicateObjection(actor=OPERATOR, upheld=True, reason=WORDS, unit="GL-HOUSING")
    ),
    "uphold it without designation": always(
        r.AdjudicateObjection(actor=OPERATOR, upheld=True, reason=WORDS, unit="GL-HOUSING", locked=False)
    ),
    "contact": contact,
    "report": lambda c: r.ReportProgress(actor=c.owner, note=WORDS),
    "ask for time": longer,
    "grant time": LONGER,
    "refuse time": always(r.DecideExtension(actor=OPERATOR, granted=False, reason=WORDS)),
    "ask to suspend": shelve,
    "grant the suspension": SHELVED,
    "resume": lambda c: r.ResumeCase(actor=c.owner, reason=WORDS),
    "help": lambda c: r.DeliverHelp(actor=c.owner, done=True, note=WORDS),
    "no legal power": lift(r.Ground.NO_LEGAL_POWER, "legal_basis", "handling_record"),
    "interested": recused(),
    "all interested": recused("GL"),
    "danger": lift(r.Ground.DANGER, "danger_report", line="110"),
    "whistle": always(
        r.WhistleDepartments(actor=SUPERVISOR, units=("GL-URBAN",), occasion="public_problem", reason=WORDS)
    ),
    "instruct": instruct(None),
    "instruct another": instruct("GL010101"),
    "reply": reply,
    "satisfied": SATISFIED,
    "unsatisfied": UNSETTLED,
    "not reached": always(r.RecordCallback(actor=OPERATOR, contacted=False)),
    "choose service": always(r.ChooseTrack(actor=OPERATOR, track="S")),
    "choose mediation": always(r.ChooseTrack(actor=OPERATOR, track="M")),
    "choose petition": always(r.ChooseTrack(actor=OPERATOR, track="P")),
    "choose the court": always(r.ChooseTrack(actor=OPERATOR, track="L", exit="court")),
    "confirm the emergency": always(r.ConfirmEmergency(actor=OPERATOR, reference="1")),
    "dispatch what remains": always(r.DispatchRemainder(actor=OPERATOR)),
    "supervise": always(r.SuperviseCase(actor=SUPERVISOR, reason=WORDS)),
    "recompute": always(r.RecomputeDeadlines(actor=SUPERVISOR)),
    "withdraw": always(CaseWithdrawn()),
    "accuse the unit": accused,
    "add a danger": always(CaseSupplemented(text="着火", emergency=FIRE)),
    "give feedback": always(FeedbackGiven(contacted=True, resolved=True, satisfied=True)),
    "ask to reopen": always(ReopeningAsked(reason=WORDS)),
    "ask to reopen and accuse the unit": reopened_in_anger,
    "ask to reopen for a danger": always(ReopeningAsked(reason="着火", emergency=FIRE)),
    "mediate": duty(),
    "mediate elsewhere": duty(COMMUNITY),
    "agree": back(HandBack.SETTLED),
    "fail": back(HandBack.FAILED),
    "fail and climb": back(
        HandBack.FAILED, asks_higher=True, evidence=proof("mediation_record", "parties_request")
    ),
    "leave for court": back(HandBack.EXIT, exit="court"),
    "end by law": back(HandBack.ENDED),
}


def walked(case: Played, given: Input) -> Iterator[Edge]:
    """The edges that an input walks; a refusal, which says why, walks none."""
    decision = case.router.decide(case.state, given, case.at)
    if isinstance(decision, Refused):
        assert decision.code.isupper()
        assert len(decision.reason) > 10
        return
    for event in decision:
        before = case.status
        case.state = case.router.evolve(case.state, event)
        assert case.status is not None
        if case.status is not before:
            yield before, case.status


def all_walks(name: str) -> set[Edge]:
    start, edges = STARTS[name], set[Edge]()
    for move in MOVES.values():
        case = start()
        edges |= set(walked(case, move(case)))
    for timer in start().router.due(start().state):
        case = start()
        case.at = timer.at
        edges |= set(walked(case, TimerDue(timer.name, timer.at)))
    return edges


@pytest.mark.parametrize("name", STARTS)
def test_no_other_edge_is_walked(name: str) -> None:
    """R-HOT-05, R-HOT-07, R-GRD-02: from each state, whatever is tried is refused in words or walks an edge."""
    for source, target in all_walks(name):
        assert target in EDGES[source], f"{source} → {target} is no edge"


def test_every_edge_is_walked() -> None:
    """R-HOT-05, R-HOT-08, R-LAD-09: the table has no edge that nothing walks."""
    found = set[Edge]().union(*(all_walks(name) for name in STARTS))
    assert {(s, t) for s, targets in EDGES.items() for t in targets} == found


def test_a_stranger_walks_nothing() -> None:
    """R-HOT-06: nor does the right command of the wrong unit."""
    for name in ("dispatched", "handled", "suspended"):
        case = STARTS[name]()
        for move in (sign, contact, object_, reply):
            given = move(case).model_copy(update={"actor": actor("GL-URBAN")})  # type: ignore[union-attr]
            assert case.refused(given).code == "NOT_RESPONSIBLE"
