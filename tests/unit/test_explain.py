"""The story of a route in words: each event that moves a case has its sentence, and none names a reporter."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from schemas.department import HandlingMode
from schemas.mediation import Stage
from schemas.message import Event
from schemas.petition import PetitionStatus
from schemas.procedure import HandBack
from schemas.router import (
    EVENTS,
    AssignmentObjected,
    AssignmentSigned,
    CaseAnswered,
    CaseClosed,
    CaseDispatched,
    CaseEscalated,
    CaseInstructed,
    CaseLinked,
    CaseRedirected,
    CaseReopened,
    DepartmentsWhistled,
    Disposition,
    EmergencyConfirmed,
    EmergencyTransferred,
    Entry,
    Fired,
    Ground,
    HelpersRecused,
    LawfulReviewOffered,
    NamedExit,
    ObjectionAdjudicated,
    Outcome,
    PoliceJoined,
    ProcedureAdvanced,
    ProcedureEnded,
    QueueReason,
    RedoOrdered,
    Route,
    SeatGiven,
    SettledOnSite,
    Skip,
    TrackChosen,
    TriageQueued,
)
from schemas.values import Evidence
from services.router.explain import Recorded, Step, explain
from services.stages import STAGES
from tests.unit.router_kit import gulou

AT = datetime(2026, 6, 8, 2, 0, tzinfo=UTC)
KINDS = {"legal_basis": "法定职权依据"}
ROUTE = Route(policy="p1", jurisdiction="j1")
ROW = Fired(table="escalations", row="no-legal-power", source="R-LAD-02")
EVIDENCE = (Evidence(kind="legal_basis", reference="清单12", note="社区无处罚权"),)


def told(*events: Event) -> list[Step]:
    return explain([Recorded(n, AT, event) for n, event in enumerate(events, 1)], gulou(), KINDS)


def dispatched(route: Route, **changes: object) -> CaseDispatched:
    plain: dict[str, object] = {
        "unit": "GL-URBAN",
        "number": 1,
        "rung": 3,
        "mode": HandlingMode.TRANSFER,
        "matter": "order.occupation",
        "track": "S",
        "urgency": 3,
        "route": route,
    }
    return CaseDispatched.model_validate(plain | changes)


def test_a_dispatch_says_entry_skips_and_rows() -> None:
    """R-LAD-01, R-LAD-04, R-LAD-10: where it entered, what was skipped and why, which rows fired."""
    skip = Skip(rung=3, unit="GL01", rule="R-LAD-04", reason="被投诉单位应当回避")
    row = Fired(table="floors", row="plain", source="R-LAD-01")
    entry = Entry(matter=2, common=2, unit="GL0101")
    route = ROUTE.model_copy(update={"rows": (row,), "entry": entry, "skipped": (skip,)})
    [step] = told(dispatched(route, helpers=(SeatGiven(unit="GL-POLICE", number=2),), locked=True))
    for words in (
        "派单给区城市管理局（街道级），转办，服务途径，事项：占道。",
        "博苑社区",
        "澄湖街道",
        "被投诉单位应当回避",
        "R-LAD-04",
        "floors/plain",
        "协办：公安分局（R-HOT-06）",
        "不得再退单（R-HOT-05）",
    ):
        assert words in step.text
    assert (step.sequence, step.unit, step.rung, step.policy) == (1, "GL-URBAN", 3, "p1")
    assert (step.rows, step.entry, step.skipped) == ((row,), entry, (skip,))


def test_an_upward_step_carries_ground_and_evidence() -> None:
    """R-LAD-10: in words and in codes, on the step that leaves and on the dispatch that follows."""
    left = CaseEscalated(unit="GL0101", rung=2, ground=Ground.NO_LEGAL_POWER, evidence=EVIDENCE, row=ROW)
    why = ROUTE.model_copy(update={"ground": Ground.NO_LEGAL_POWER, "evidence": EVIDENCE})
    for step in told(left, dispatched(why)):
        assert (step.ground, step.evidence) == (Ground.NO_LEGAL_POWER, EVIDENCE)
        assert "法定职权依据 清单12" in step.text
        assert "NO_LEGAL_POWER" in step.text


COURT = NamedExit(code="court", name="民事诉讼", authority="GL-COURT", source="TJ3")
STORIES: list[tuple[Event, str]] = [
    (
        TriageQueued(route=ROUTE, unit="GL-HOTLINE", reason=QueueReason.LOW_CONFIDENCE),
        "转人工研判：自动研判把握不足",
    ),
    (CaseAnswered(route=ROUTE, unit="GL-HOTLINE"), "区12345热线中心当场答复，不派单（R-HOT-02"),
    (CaseRedirected(route=ROUTE, exit=COURT), "依法走民事诉讼，由区人民法院接收（TJ3）"),
    (CaseLinked(route=ROUTE, to=UUID(int=9), unit="GL-HOTLINE"), f"与此前诉求{UUID(int=9)}重复"),
    (EmergencyTransferred(route=ROUTE, line="119", words="x", unit="GL-HOTLINE"), "立即转119"),
    (
        SettledOnSite(route=ROUTE, unit="GL010101", rung=1, measure="x"),
        "（网格级）现场解决，待核实（R-GRD-01）",
    ),
    (EmergencyConfirmed(line="119", reference="31"), "119已接警（R-HOT-13）"),
    (
        AssignmentObjected(unit="GL0101", reason="不属职责", proposed="GL-URBAN"),
        "退单：不属职责，建议改派区城市管理局",
    ),
    (
        ObjectionAdjudicated(unit="GL0101", upheld=False, reason="属职责"),
        "不成立，继续由其办理且不得再退：属职责",
    ),
    (
        DepartmentsWhistled(
            street="GL01",
            helpers=(SeatGiven(unit="GL-URBAN", number=2), SeatGiven(unit="GL01", number=3)),
            reason="联合执法",
            source="R-HOT-12: BJ16",
        ),
        "澄湖街道吹哨，召集区城市管理局：联合执法",
    ),
    (
        PoliceJoined(police=SeatGiven(unit="GL-POLICE", number=2)),
        "已报告公安分局（R-MED-11）",
    ),
    (
        HelpersRecused(
            unit="GL-URBAN",
            helpers=(SeatGiven(unit="GL-POWER", number=2),),
            subjects=("GL-POWER",),
            evidence=(Evidence(kind="interest_declaration", reference="回避申请2026-001"),),
            row=Fired(table="escalations", row="subject-skipped", source="R-LAD-04: XF28"),
        ),
        "供电公司有利害关系，退出协办并回避，区城市管理局继续办理",
    ),
    (
        CaseInstructed(unit="GL-URBAN", leader="分管副区长", note="限期办结", handle_by=AT),
        "分管副区长批示由区城市管理局办理：限期办结（R-MODE-01）",
    ),
    (TrackChosen(track="P"), "居民选择信访途径（R-LAD-09）"),
    (TrackChosen(track="M", unit="GL0101"), "居民选择调解途径，由博苑社区继续办理（R-LAD-09）"),
    (
        ProcedureAdvanced(procedure="petition", unit="GL0101", stage="HEARING"),
        "仍在信访程序：正在听证，由博苑社区负责。",
    ),
    (
        ProcedureEnded(
            procedure="mediation",
            unit="GL0101",
            result=HandBack.FAILED,
            explanation="一方拒绝。",
            routes=("court",),
        ),
        "人民调解程序结束：未能解决，转下一法定步骤。一方拒绝。已告知其他途径：民事诉讼（R-MED-10）。",
    ),
    (CaseClosed(outcome=Outcome.UNSATISFIED, unit="GL0101"), "结案：所在程序已依法终结。"),
    (RedoOrdered(unit="GL0101", reason="居民不满意"), "退回博苑社区重办：居民不满意（R-HOT-08"),
    (
        LawfulReviewOffered(
            unit="GL0101",
            track="S",
            routes=(NamedExit(code="court", name="民事诉讼", source="TJ3"),),
            row=Fired(table="reviews", row="service", source="R-LAD-06"),
        ),
        "已告知可依法选择的途径：民事诉讼（TJ3）（R-LAD-06；规则 reviews/service）。",
    ),
    (CaseReopened(unit="GL0101", times=2), "第2次重开（R-HOT-08）。"),
    (
        CaseClosed(outcome=Outcome.UNSATISFIED, unit="GL0101", review_offered=True),
        "已告知依法复查的途径（R-LAD-06）",
    ),
]


@pytest.mark.parametrize(("event", "words"), STORIES, ids=lambda part: getattr(part, "type", ""))
def test_each_turn_has_its_sentence(event: Event, words: str) -> None:
    """R-LEDGER-01, R-LAD-10: what happened, by whom it is handled now, and by which rule."""
    [step] = told(event)
    assert words in step.text
    assert step.type == event.type


def test_what_did_not_move_the_case_is_passed_over() -> None:
    assert told(AssignmentSigned(unit="GL0101")) == []


def test_no_disposition_is_without_words() -> None:
    """R-LAD-10: whatever disposes of a case is explained; a new kind of disposition must get its sentence."""
    spoken = {type(event) for event, _ in STORIES} | {CaseDispatched}
    assert {event for event in EVENTS if issubclass(event, Disposition)} <= spoken


def test_chinese_sentences_have_chinese_punctuation() -> None:
    """R-LAD-10: the words are for people; only codes and references stay as they are."""
    skip = Skip(rung=3, unit="GL01", rule="R-LAD-04", reason="应当回避")
    entry = Entry(matter=2, common=2, unit="GL0101", floor=3)
    parts = {"rows": (ROW,), "entry": entry, "skipped": (skip,), "ground": Ground.NO_LEGAL_POWER}
    [step] = told(dispatched(ROUTE.model_copy(update=parts)))
    assert not set(",;()") & set(step.text.replace(ROW.source, ""))


def test_every_stage_of_a_procedure_has_its_words() -> None:
    """R-PET-13, R-LAD-09: and no words stand there for a stage that is none."""
    assert {*Stage, *PetitionStatus} == set(STAGES)
