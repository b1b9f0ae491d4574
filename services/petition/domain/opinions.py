"""The opinion, its delivery and execution, and two reviews above it: three levels (R-PET-08, R-PET-09)."""

from datetime import datetime
from typing import Final

from chassis.decider import Decision, Refused
from schemas import petition as p
from schemas.message import Event
from schemas.procedure import HandBack
from schemas.router import Term
from services.petition.domain.desk import Desk
from services.petition.domain.leaving import handed_back
from services.petition.domain.petition import UNDER_OPINION, Petition, S

RECHECK_LEVEL: Final = 2
EXECUTED_WORDS: Final = "信访处理意见支持的请求已经执行完毕，信访事项办结。"
LAPSED_WORDS: Final = (
    "您在收到书面答复之日起三十日内未申请{next}，依照《信访工作条例》第{article}条，信访事项程序终了。"
)
FINAL_WORDS: Final = (
    "复核意见已经作出，依照《信访工作条例》第三十六条，以同一事实和理由再次提出的，不再受理。"
)
OUTSIDE_WORDS: Final = (
    "{next}由本辖区以外的上一级机关、单位受理，请依照《信访工作条例》第{article}条向其提出。"
)
_ASKED: Final = {0: ("复查", "三十五"), 1: ("复核", "三十六")}
"""By the level of the opinion: what can be asked for next, and the article."""


class Opinions:
    """R-PET-08 and R-PET-09."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def issue(self, state: Petition, c: p.IssueOpinion, at: datetime) -> Decision:
        """信访处理意见书."""
        if state.nature is not p.Nature.CLAIM:
            return Refused("NO_OPINION", f"a {state.nature} is answered, without an opinion (XF29, XF31 (5))")
        return self._not_of(state, c) or [self._issued(state, 0, c, at, confirms=None)]

    def review(self, state: Petition, c: p.IssueReviewOpinion, at: datetime) -> Decision:
        """复查意见, 复核意见. The third level ends the matter; what it supports is still carried out."""
        if no := self._not_of(state, c):
            return no
        if c.actor.subject in state.authors:
            return Refused("OWN_OPINION", "whoever issued an opinion does not review it (XF28)")
        if c.confirms and c.outcome is not state.outcome:
            return Refused(
                "CONTRADICTION", f"to confirm is to leave {state.outcome}; else confirms is false", "outcome"
            )
        events: list[Event] = [self._issued(state, state.level, c, at, confirms=c.confirms)]
        if state.level < RECHECK_LEVEL or c.outcome is p.PetitionOutcome.SUPPORT:
            return events
        back = handed_back(state.unit, HandBack.ENDED, FINAL_WORDS)
        return [*events, p.PetitionTerminated(), back]

    def _not_of(self, state: Petition, c: p.IssueOpinion | p.IssueReviewOpinion) -> Refused | None:
        """R-PET-09: each level speaks for itself; a unit above that wrote here would review its own words."""
        if self._desk.is_of(c.actor, state.unit):
            return None
        return Refused("NOT_THIS_LEVEL", f"only {state.unit} itself issues this opinion (XF32, XF35, XF36)")

    def _issued(
        self,
        state: Petition,
        level: int,
        c: p.IssueOpinion | p.IssueReviewOpinion,
        at: datetime,
        *,
        confirms: bool | None,
    ) -> p.OpinionIssued:
        deliver = self._desk.clocks.start("deliver", "deliver", at)
        return p.OpinionIssued(
            terms=(deliver, *state.only("report", "urgent")),
            level=level,
            unit=state.unit or "",
            outcome=c.outcome,
            legal_basis=c.legal_basis,
            confirms=confirms,
            record=c.sealed.record_id if c.sealed else None,
            by=c.actor,
        )

    def deliver(self, state: Petition, c: p.DeliverOpinion, at: datetime) -> Decision:
        """The petitioner has it: 30 days to ask for review; what was supported is carried out."""
        deliver = state.term("deliver")
        if deliver is None:
            return Refused("DELIVERED_ALREADY", "the receipt of this opinion is recorded already")
        received_at = c.received_at or at
        if not deliver.since.replace(microsecond=0) <= received_at <= at:  # people give whole seconds
            return Refused(
                "IMPOSSIBLE_TIME", "it was received between its issue and now; give that time", "received_at"
            )
        window = self._window(state, received_at)
        supports = state.outcome is p.PetitionOutcome.SUPPORT
        execute = (self._desk.clocks.start("execute", "execute", at),) if supports else ()
        delivered = p.OpinionDelivered(
            terms=(*window, *execute, *state.without("deliver")),
            level=state.level,
            received_at=received_at,
            executing=self._executing(state) if supports else None,
        )
        return [delivered]

    def _window(self, state: Petition, received_at: datetime) -> tuple[Term, ...]:
        if state.terminated:
            return ()
        rule = "review-apply" if state.level == 0 else "recheck-apply"
        return (self._desk.clocks.start("review_apply", rule, received_at),)

    def _executing(self, state: Petition) -> str:
        """Who accepted it carries out what was supported, unless complained of meanwhile."""
        unit = state.handler or state.unit or ""
        return (state.unit or unit) if self._desk.interested(unit, state.subjects) else unit

    def execute(self, state: Petition, c: p.ReportExecution, _: datetime) -> Decision:
        """XF32: done, it is settled as soon as no review can be asked for; undone, it is supervised (R-PET-14)."""
        if state.executed:
            return Refused("EXECUTED_ALREADY", "the execution is reported; the time to ask for review runs")
        reported = p.ExecutionReported(
            terms=state.without("execute") if c.done else state.terms, done=c.done, note=c.note
        )
        if not c.done:
            supervised = p.PetitionSupervised(
                terms=reported.terms,
                unit=state.unit or "",
                ground=p.SupervisionGround.NOT_EXECUTED,
                reason=c.note,
            )
            return [reported, supervised]
        return [reported] if state.term("review_apply") else [reported, *self._settled(state)]

    def _settled(self, state: Petition) -> list[Event]:
        back = handed_back(state.unit, HandBack.SETTLED, EXECUTED_WORDS)
        return [p.PetitionSettled(by_way="executed"), back]

    def window_closed(self, state: Petition, _: datetime) -> list[Event]:
        """Day 30 is over: the opinion stands."""
        if state.status is S.EXECUTING:
            if state.executed:
                return self._settled(state)
            return [p.ReviewWindowClosed(terms=state.without("review_apply"))]
        asked, article = _ASKED[state.level]
        words = LAPSED_WORDS.format(next=asked, article=article)
        lapsed = p.PetitionLapsed(level=state.level)
        return [lapsed, handed_back(state.unit, HandBack.ENDED, words, review_offered=True)]

    def request_review(self, state: Petition, _: p.RequestReview, at: datetime) -> Decision:
        """R-PET-09: by the unit next above the one that issued the opinion. While the case goes another way the
        request is kept, its time runs, and the reviewer has it as soon as the case is a petition again."""
        window = state.term("review_apply")
        if away := self._away(state):
            return away
        if state.terminated:
            return Refused("TERMINATED", "three levels have spoken; the matter is final (XF36)")
        if window is None:
            return Refused("NO_WINDOW", "the 30 days run from the recorded receipt of the opinion")
        if window.at <= at:
            return Refused("TOO_LATE", "the 30 days from the receipt of the opinion are over (XF35, XF36)")
        issuer = state.issuer or ""
        reviewer = self._desk.above(issuer, state.kept_from)
        asked, article = _ASKED[state.level]
        if reviewer is None and state.away is not None:
            return Refused("OUTSIDE", "the unit that reviews lies outside; the petitioner asks it directly")
        if reviewer is None:
            return self._outside(state, OUTSIDE_WORDS.format(next=asked, article=article))
        name = "review" if state.level == 0 else "recheck"
        terms = (*self._desk.clocks.timed(name, name, at), *state.only("report"))
        return [p.ReviewRequested(terms=terms, level=state.level + 1, unit=reviewer, issuer=issuer)]

    def _away(self, state: Petition) -> Refused | None:
        """R-LAD-09: the right to a review outlives another way, though not a withdrawal."""
        away = state.away
        if away is None or (away.status in UNDER_OPINION and away.reason is not p.Left.WITHDRAWN):
            return None
        return Refused("OVER", f"the petition left ({away.reason}) in {away.status}: nothing is reviewed")

    def _outside(self, state: Petition, words: str) -> list[Event]:
        code = self._desk.offices.superior_exit
        routed = p.PetitionRouted(way=p.LegalWay.SUPERIOR, exit=self._desk.exit(code), explanation=words)
        return [routed, handed_back(state.unit, HandBack.EXIT, words, exit_=code)]

    def complete(self, state: Petition, c: p.ReportPetitionCompletion, _: datetime) -> Decision:
        """办结报告 to who assigned it."""
        if state.term("report") is None:
            return Refused("NO_REPORT_DUE", "no completion report is due: it was not assigned, or it is made")
        if not self._desk.acts_for(c.actor, state.handler):
            return Refused("NOT_RESPONSIBLE", f"only {state.handler} or a unit above it reports")
        reported = p.CompletionReported(terms=state.without("report"), unit=state.handler or "", note=c.note)
        return [reported]
