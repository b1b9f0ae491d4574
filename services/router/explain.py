"""Says in Chinese and in codes why a case is where it is (R-LAD-10), from the router's own events. Pure.

Nothing here knows the reporter: the router's events do not carry them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel

from chassis.calendar import SHANGHAI
from schemas.department import HandlingMode
from schemas.jurisdiction import Jurisdiction
from schemas.message import Event
from schemas.procedure import HandBack
from schemas.router import (
    AssignmentObjected,
    CaseAnswered,
    CaseClosed,
    CaseDispatched,
    CaseEscalated,
    CaseInstructed,
    CaseLinked,
    CaseRedirected,
    CaseReopened,
    CaseUnlinked,
    DepartmentsWhistled,
    Disposition,
    EmergencyConfirmed,
    EmergencyTransferred,
    Entry,
    Fired,
    Ground,
    HelpersRecused,
    Judged,
    LawfulReviewOffered,
    ObjectionAdjudicated,
    Outcome,
    PoliceJoined,
    ProcedureAdvanced,
    ProcedureEnded,
    QueueReason,
    RedoOrdered,
    Route,
    SettledOnSite,
    Skip,
    TrackChosen,
    TriageQueued,
)
from schemas.values import Evidence
from services.router.domain.explain import GROUNDS, RUNGS
from services.router.domain.explain import explain as explain_route
from services.stages import PROCEDURES, stage_words

TRACKS: Final[Mapping[str, str]] = {"S": "服务", "M": "调解", "P": "信访", "L": "法定程序"}
MODES: Final[Mapping[HandlingMode, str]] = {
    HandlingMode.DIRECT: "直办",
    HandlingMode.TRANSFER: "转办",
    HandlingMode.JOINT: "协办",
    HandlingMode.INSTRUCTED: "批办",
}
_QUEUED: Final[Mapping[QueueReason, str]] = {
    QueueReason.LOW_CONFIDENCE: "自动研判把握不足",
    QueueReason.UNKNOWN_MATTER: "事项编码不在目录中",
    QueueReason.UNKNOWN_UNIT: "地点、当事人所在地或被反映单位不在本辖区目录中",
    QueueReason.POLICY: "规则要求人工研判",
}
_ANSWERED: Final[Mapping[Judged, str]] = {
    Judged.SECRET: "涉及秘密或隐私，已作说明",
    Judged.UNLAWFUL: "诉求不合法，已作解释",
}
_OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.RESOLVED: "问题解决",
    Outcome.UNSATISFIED: "已答复、已重办，居民仍不满意",
    Outcome.UNREACHABLE: "已答复，回访未能联系到居民",
    Outcome.WITHDRAWN: "居民撤回",
}
_HANDED_BACK: Final[Mapping[HandBack, str]] = {
    HandBack.SETTLED: "问题解决，转回访",
    HandBack.FAILED: "未能解决，转下一法定步骤",
    HandBack.EXIT: "转法定途径",
    HandBack.ENDED: "依法终结",
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with what the log says of it."""

    sequence: int
    at: datetime
    event: Event


class Step(BaseModel):
    """One decision on where the case is: `text` in Chinese, everything else in codes."""

    sequence: int
    at: datetime
    type: str
    text: str
    track: str | None = None
    """The track that the case is on after a conversion (R-LAD-09)."""
    procedure: str | None = None
    stage: str | None = None
    unit: str | None = None
    rung: int | None = None
    policy: str | None = None
    rows: tuple[Fired, ...] = ()
    entry: Entry | None = None
    skipped: tuple[Skip, ...] = ()
    ground: Ground | None = None
    evidence: tuple[Evidence, ...] = ()


def explain(recorded: Iterable[Recorded], jurisdiction: Jurisdiction, kinds: Mapping[str, str]) -> list[Step]:
    """The steps of a case's route in order; events that did not move the case are passed over.

    `kinds` are the names in words of the kinds of evidence, by code.
    """
    speaker = _Speaker(jurisdiction, kinds)
    steps = []
    for entry in recorded:
        text = speaker.say(entry.event)
        if text is not None:
            steps.append(_step(entry, text))
    return steps


def _step(entry: Recorded, text: str) -> Step:
    event = entry.event
    route = event.route if isinstance(event, Disposition) else None
    step = Step(sequence=entry.sequence, at=entry.at, type=event.type, text=text)
    codes: dict[str, object] = {
        "unit": getattr(event, "unit", getattr(event, "street", None)),
        "rung": getattr(event, "rung", None),
    }
    codes |= {name: getattr(event, name, None) for name in ("track", "procedure", "stage")}
    if route is not None:
        codes |= {
            "policy": route.policy,
            "rows": route.rows,
            "entry": route.entry,
            "skipped": route.skipped,
            "ground": route.ground,
            "evidence": route.evidence,
        }
    elif isinstance(event, CaseEscalated):
        codes |= {"rows": (event.row,), "ground": event.ground, "evidence": event.evidence}
    elif isinstance(event, HelpersRecused):
        codes |= {"rows": (event.row,), "ground": Ground.SUBJECT_SKIPPED, "evidence": event.evidence}
    return step.model_copy(update=codes)


class _Speaker:
    """Puts one event into words."""

    def __init__(self, jurisdiction: Jurisdiction, kinds: Mapping[str, str]) -> None:
        self._jurisdiction, self._kinds = jurisdiction, kinds
        self._names = {code: unit.name for code, unit in jurisdiction.units.items()}

    def say(self, event: Event) -> str | None:
        """The sentence for an event that moved the case, or None."""
        match event:
            case CaseDispatched():
                return self._dispatched(event)
            case CaseEscalated():
                return self._escalated(event)
            case Disposition():
                return self._disposed(event)
            case _:
                return self._changed(event)

    def _dispatched(self, event: CaseDispatched) -> str:
        words = [
            f"派单给{self._unit(event.unit)}（{RUNGS[event.rung]}级），{MODES[event.mode]}，"
            f"{TRACKS[event.track]}途径，事项：{self._matter(event.matter)}。"
        ]
        words += self._reasons(event.route)
        if event.helpers:
            words.append(f"协办：{self._units(seat.unit for seat in event.helpers)}（R-HOT-06）。")
        if event.copies:
            words.append(f"抄送：{self._units(seat.unit for seat in event.copies)}（R-HOT-04）。")
        if event.locked:
            words.append("经复核或批示指定，不得再退单（R-HOT-05）。")
        return "".join(words)

    def _reasons(self, route: Route) -> list[str]:
        return explain_route(route, self._names, self._kinds)

    def _escalated(self, event: CaseEscalated) -> str:
        return (
            f"离开{self._unit(event.unit)}（{RUNGS[event.rung]}级）上行。理由：{GROUNDS[event.ground]}"
            f"（{event.ground}）；{self._evidence(event.evidence)}。依据：{event.row.table}/{event.row.row}（{event.row.source}，R-LAD-10）。"
        )

    def _disposed(self, event: Disposition) -> str:
        return "".join([self._disposition(event), *self._reasons(event.route)])

    def _disposition(self, event: Disposition) -> str:
        match event:
            case TriageQueued():
                left = f"从{self._unit(event.taken_from)}收回，" if event.taken_from else ""
                return f"{left}转人工研判：{_QUEUED[event.reason]}；研判期间由{self._unit(event.unit)}负责。"
            case CaseAnswered():
                how = _ANSWERED.get(event.judged, "当场答复")
                return f"{self._unit(event.unit)}{how}，不派单（R-HOT-02、R-HOT-03）。"
            case CaseRedirected():
                to = f"，由{self._unit(event.exit.authority)}接收" if event.exit.authority else ""
                return f"依法走{event.exit.name}{to}（{event.exit.source}）；已告知居民途径。"
            case CaseLinked():
                return f"与此前诉求{event.to}重复且无新事实，关联告知进展（R-PET-18、R-HOT-03）。"
            case EmergencyTransferred():
                keeps = f"；对方确认前由{self._unit(event.unit)}负责" if event.unit else ""
                return f"出现险情，立即转{event.line}{keeps}（R-LAD-05）。"
            case SettledOnSite():
                return f"{self._unit(event.unit)}（{RUNGS[event.rung]}级）现场解决，待核实（R-GRD-01）。"
        return ""

    def _changed(self, event: Event) -> str | None:
        match event:
            case CaseUnlinked():
                return (
                    f"经核实与诉求{event.was}不是同一事项，解除关联，单独办理：{event.reason}（R-PET-18）。"
                )
            case AssignmentObjected():
                proposed = f"，建议改派{self._unit(event.proposed)}" if event.proposed else ""
                return f"{self._unit(event.unit)}退单：{event.reason}{proposed}（R-HOT-05）。"
            case ObjectionAdjudicated():
                found = "成立" if event.upheld else "不成立，继续由其办理且不得再退"
                return f"{self._unit(event.unit)}的退单{found}：{event.reason}（R-HOT-05）。"
            case DepartmentsWhistled():
                others = [seat.unit for seat in event.helpers if seat.unit != event.street]
                called = f"召集{self._units(others)}" if others else "一同办理"
                return (
                    f"{self._unit(event.street)}吹哨，{called}：{event.reason}（{event.source}，R-HOT-12）。"
                )
            case PoliceJoined():
                return (
                    f"调解中发现可能引起治安、刑事案件，已报告{self._unit(event.police.unit)}（R-MED-11）。"
                )
            case HelpersRecused():
                gone = self._units(seat.unit for seat in event.helpers)
                who = f"{gone}有利害关系，退出协办并回避" if gone else "补充反映涉及的单位回避"
                return (
                    f"{who}，{self._unit(event.unit)}继续办理；"
                    f"{self._evidence(event.evidence)}。依据：{event.row.table}/{event.row.row}（{event.row.source}，R-LAD-10）。"
                )
            case CaseInstructed():
                return f"{event.leader}批示由{self._unit(event.unit)}办理：{event.note}（R-MODE-01）。"
            case TrackChosen():
                goes_on = f"，由{self._unit(event.unit)}继续办理" if event.unit else ""
                return f"居民选择{TRACKS[event.track]}途径{goes_on}（R-LAD-09）。"
            case ProcedureAdvanced():
                return self._in_procedure(event)
            case ProcedureEnded():
                return self._out_of_procedure(event)
            case EmergencyConfirmed():
                return f"{event.line}已接警（R-HOT-13）。"
            case RedoOrdered():
                return f"退回{self._unit(event.unit)}重办：{event.reason}（R-HOT-08、R-LAD-08）。"
            case LawfulReviewOffered():
                names = "、".join(f"{way.name}（{way.source}）" for way in event.routes)
                row = f"{event.row.table}/{event.row.row}"
                return f"居民仍不满意，已告知可依法选择的途径：{names}（R-LAD-06；规则 {row}）。"
            case CaseClosed():
                return self._closed(event)
            case CaseReopened():
                return f"居民在规定期限内要求重新办理，第{event.times}次重开（R-HOT-08）。"
        return None

    def _in_procedure(self, event: ProcedureAdvanced) -> str:
        due = next((term for term in event.terms if term.name == "handle"), None)
        until = f"，期限至{due.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}（{due.rule}）" if due else ""
        how = "进入" if event.entered else "仍在"
        name, stage = PROCEDURES[event.procedure], stage_words(event.stage)
        return f"{how}{name}程序：{stage}，由{self._unit(event.unit)}负责{until}。"

    def _out_of_procedure(self, event: ProcedureEnded) -> str:
        exits = self._jurisdiction.legal_exits
        names = "、".join(exits[code].name if code in exits else code for code in event.routes)
        told = f"已告知其他途径：{names}（R-MED-10）。" if names else ""
        return (
            f"{PROCEDURES[event.procedure]}程序结束：{_HANDED_BACK[event.result]}。{event.explanation}{told}"
        )

    def _closed(self, event: CaseClosed) -> str:
        if event.outcome is Outcome.UNSATISFIED and not event.review_offered:
            return "结案：所在程序已依法终结。"
        review = "，已告知依法复查的途径（R-LAD-06）" if event.review_offered else ""
        return f"结案：{_OUTCOMES[event.outcome]}{review}。"

    def _evidence(self, evidence: tuple[Evidence, ...]) -> str:
        if not evidence:
            return "规则直接认定，无需下级先行办理的证据"
        return "证据：" + "、".join(
            f"{self._kinds.get(item.kind, item.kind)} {item.reference}{f'（{item.note}）' if item.note else ''}"
            for item in evidence
        )

    def _unit(self, code: str) -> str:
        return self._names.get(code, code)

    def _units(self, codes: Iterable[str]) -> str:
        return "、".join(self._unit(code) for code in codes)

    def _matter(self, code: str | None) -> str:
        matter = self._jurisdiction.matters.get(code) if code else None
        return matter.name if matter else "待定"
