"""What the router, or the petition, is told: whose duty it is, and how it came back. Derived in one place."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from schemas import mediation as m
from schemas.mediation import Stage, TerminationReason
from schemas.message import Actor, Event
from schemas.procedure import HandBack
from schemas.router import Term
from schemas.values import Evidence
from services.mediation.domain.state import Mediation

CLOCK_OF: Final[Mapping[Stage, str]] = {
    Stage.APPLIED: "register",
    Stage.REFERRED: "register",
    Stage.PROACTIVE: "register",
    Stage.CONSENT: "consent",
    Stage.ACCEPTED: "mediate",
    Stage.MEDIATING: "mediate",
    Stage.PARTIAL: "mediate",
}
"""The clock of the unit's duty in each stage that lasts; while it is followed up, the next visit is."""
WHY: Final[Mapping[TerminationReason, str]] = {
    TerminationReason.REFUSED: "一方当事人明确拒绝调解",
    TerminationReason.WITHDRAWN: "当事人撤回调解申请",
    TerminationReason.STOPPED: "当事人要求终止调解",
    TerminationReason.RECONCILED: "当事人已自行和解",
    TerminationReason.FAILED: "双方分歧较大，未达成协议",
    TerminationReason.DECEIT: "当事人隐瞒重要事实或者提供虚假情况",
    TerminationReason.COLLUSION: "可能存在恶意串通，损害他人合法权益",
    TerminationReason.UNREACHABLE: "在期限内无法联系到当事人",
    TerminationReason.ABSENT: "一方当事人无正当理由不参加调解",
    TerminationReason.EXPIRED: "调解期限届满，未达成协议",
    TerminationReason.UNSIGNED: "一方当事人拒绝在调解协议上签章",
    TerminationReason.LAWSUIT: "当事人已提起诉讼或者申请仲裁",
}
BY_THE_CASE: Final = frozenset({TerminationReason.CONVERTED, TerminationReason.DANGER})
"""The case left by itself, and whoever took it away need not be told."""


Routes = Sequence[m.OpenRoute]


class Duty:
    """Compares a mediation before and after a decision."""

    def told(
        self, before: Mediation, after: Mediation, events: Sequence[Event], by: Actor | None
    ) -> list[Event]:
        """The one event that follows a decision, if any."""
        if after.handed_back or isinstance(events[-1], m.MediationReminded):
            return []  # a reminder puts no duty off
        if before.stage is after.stage and not after.is_open:
            return []  # it was over before
        told = next((e.routes for e in events if isinstance(e, m.RoutesInformed)), ())
        if back := self._back(after, by, told):
            return [back]
        if after.in_petition or not after.is_open or _duty(before) == _duty(after):
            return []
        unit, stage, due, rule = _duty(after)
        return [m.MediationDutyMoved(by=by, unit=unit, stage=stage or "", due=due, rule=rule)]

    def _back(self, after: Mediation, by: Actor | None, routes: Routes) -> m.MediationHandedBack | None:
        if after.stage is Stage.PERFORMED:
            return self._settled(after, by, "经调解，各方当事人已达成协议并全部履行。")
        if after.in_petition and after.stage is Stage.FOLLOW_UP:
            words = "经调解，各方当事人达成一致，已制作调解协议书，履行情况由调解组织回访。"
            return self._settled(after, by, words)
        if after.stage is Stage.LEGAL_INFORMED:
            return self._failed(after, by, "调解协议未按约定履行", routes)
        if after.stage is not Stage.TERMINATED or after.reason is None or after.reason in BY_THE_CASE:
            return None
        if after.reason is TerminationReason.RECONCILED and (after.settlement or not after.in_petition):
            made = "并制作和解协议书" if after.settlement else ""
            return self._settled(after, by, f"{WHY[after.reason]}{made}，调解终结。")
        return self._failed(after, by, f"调解终止：{WHY[after.reason]}", routes)

    def _settled(self, after: Mediation, by: Actor | None, words: str) -> m.MediationHandedBack:
        return m.MediationHandedBack(
            by=by, result=HandBack.SETTLED, unit=after.unit, explanation=words, evidence=_evidence(after)
        )

    def _failed(
        self, after: Mediation, by: Actor | None, words: str, routes: Routes
    ) -> m.MediationHandedBack:
        """R-MED-10: the resident reads the same ways that the parties were told."""
        names = "、".join(route.name for route in routes)
        return m.MediationHandedBack(
            by=by,
            result=HandBack.FAILED,
            unit=after.unit,
            explanation=f"{words}。您可以依法通过{names}等途径维护自己的权益。",
            routes=tuple(route.code for route in routes),
            asks_higher=after.asks_higher and not after.in_petition,
            evidence=_evidence(after),
        )


def _duty(state: Mediation) -> tuple[str, Stage | None, datetime | None, str | None]:
    """Unit, stage, due time and rule of the duty as it stands."""
    term = duty_term(state)
    return state.unit, state.stage, term.at if term else None, term.rule if term else None


def duty_term(state: Mediation) -> Term | None:
    """The clock that the unit works against; None while an appraisal is under way, and where nothing is due."""
    if state.stage is Stage.FOLLOW_UP:
        visits = (state.term(one.clock("visit")) for one in state.of_round() if one.is_followed_up)
        return min((term for term in visits if term), key=lambda term: term.at, default=None)
    clock = CLOCK_OF.get(state.stage) if state.stage else None
    return state.term(clock) if clock and not state.appraisal_since else None


def _evidence(state: Mediation) -> tuple[Evidence, ...]:
    """R-LAD-10: that it was mediated, if it was, and that the parties ask for more; the reference can be opened."""
    story = f"/v1/mediations/{state.case_id}/story?round={state.round}"
    record = Evidence(
        kind="mediation_record",
        reference=story,
        note=f"调解{state.sessions}次，协议{len(state.of_round())}份",
    )
    wish = "当事人请求主管部门处理" if state.waits else "当事人请求上一级继续调解"
    asked = Evidence(kind="parties_request", reference=story, note=wish)
    return (*([record] if state.sessions else []), *([asked] if state.asks_higher else []))
