"""The hotline centre and the supervisors: requests decided, callbacks, closing, supervision (R-HOT-07…10)."""

from datetime import UTC, datetime, time, timedelta

from chassis.calendar import SHANGHAI
from chassis.decider import Decision, Refused
from schemas import router as r
from schemas.department import EndReason, HandlingMode, ReminderKind
from schemas.intake import CaseWithdrawn, FeedbackGiven
from schemas.message import Actor, Event
from services.router.domain.case import Desk, ended, remind
from services.router.domain.clocks import SUPERVISED
from services.router.domain.handling import wrong_status
from services.router.domain.registration import Register
from services.router.domain.routing import Routing
from services.router.domain.workorder import OPEN, WORKING, S, WorkOrder
from services.terms import day_of


class Oversight:
    """What is done to a case by those who do not handle it."""

    def __init__(self, desk: Desk, routing: Routing, register: Register) -> None:
        self._desk, self._routing, self._register = desk, routing, register

    def decide_extension(self, state: WorkOrder, c: r.DecideExtension, at: datetime) -> Decision:
        """R-HOT-07: more time, or not, with a reason."""
        if state.pending != "extension" or state.status not in WORKING:
            return Refused("NOTHING_PENDING", "no extension was asked for")
        decided = self.extension(state, c.reason, granted=c.granted, by=c.actor)
        return [decided, remind(state, state.unit or "", ReminderKind.DECIDED)]

    def extension(
        self,
        state: WorkOrder,
        reason: str,
        *,
        granted: bool,
        by: Actor | None = None,
        lapsed: bool = False,
    ) -> r.ExtensionDecided:
        """The decision; a lapsed request is refused."""
        terms = state.without("decide")
        handle = state.term("handle")
        if granted and handle is not None:
            longer = self._desk.clocks.extended(handle, state.pending_days or 1)
            terms = (*state.without("decide", "handle", "mark"), *longer)
        return r.ExtensionDecided(by=by, terms=terms, granted=granted, reason=reason, lapsed=lapsed)

    def decide_suspension(self, state: WorkOrder, c: r.DecideSuspension, at: datetime) -> Decision:
        """R-GRD-02: onto the suspended register, with a day on which the case comes back, or not."""
        if state.pending != "suspension" or state.status not in WORKING:
            return Refused("NOTHING_PENDING", "no suspension was asked for")
        back = self._desk.clocks.wait("suspension", at)
        if c.until is not None and not at < c.until <= back.at:
            latest = back.at.isoformat()
            return Refused("BAD_UNTIL", f"the case must come back after now and by {latest}", "until")
        if c.until is not None:
            back = self._desk.clocks.stated("suspension", "instruction", at, c.until)
        decided = self.suspension(state, c.reason, at, back if c.granted else None, by=c.actor)
        return [decided, remind(state, state.unit or "", ReminderKind.DECIDED)]

    def suspension(
        self,
        state: WorkOrder,
        reason: str,
        at: datetime,
        back: r.Term | None,
        *,
        by: Actor | None = None,
        lapsed: bool = False,
    ) -> r.SuspensionDecided:
        """The decision; `back` is when the case returns, None for a refusal."""
        terms = state.without("decide")
        if back is not None:
            resume = back.model_copy(update={"name": "resume"})
            terms = (*terms, resume)
        return r.SuspensionDecided(
            by=by, terms=terms, granted=back is not None, reason=reason, since=at, lapsed=lapsed
        )

    def callback(self, state: WorkOrder, c: r.RecordCallback, at: datetime) -> Decision:
        """R-HOT-08, R-HOT-09: what the resident says."""
        if state.status is not S.CALLBACK:
            return wrong_status(state, "called back", {S.CALLBACK})
        if not c.contacted and (c.resolved or c.satisfied):
            return Refused("CONTRADICTION", "who was not reached said nothing", "contacted")
        if no := _is_anothers(state, c.actor, at) or _unexplained(state, c):
            return no
        last = state.term("callback") if state.attempts and not c.contacted else None
        if last is not None and at < last.at:
            return Refused("TOO_SOON", f"the next attempt counts from {last.at.isoformat()}", "contacted")
        return self._heard(state, c, at, by=c.actor, lawful=c.lawful, explanation=c.explanation)

    def claim(self, state: WorkOrder, c: r.ClaimCallback, at: datetime) -> Decision:
        """R-HOT-08: one operator calls at a time; a claim lapses by itself, and may be renewed."""
        if state.status is not S.CALLBACK:
            return wrong_status(state, "called back", {S.CALLBACK})
        if no := _is_anothers(state, c.actor, at):
            return no
        minutes = self._desk.jurisdiction.thresholds.callback_claim_minutes
        return [r.CallbackClaimed(by=c.actor, until=at + timedelta(minutes=minutes))]

    def feedback(self, state: WorkOrder, e: FeedbackGiven, at: datetime) -> list[Event]:
        """The resident answers without being called; outside of a callback it is not the router's matter.

        R-PET-18: so does each co-reporter. Their satisfaction ends nothing, the case's own reporter is still to be
        called; their dissatisfaction counts like that one's.
        """
        return self._heard(state, e, at) if state.status is S.CALLBACK else []

    def _heard(
        self,
        state: WorkOrder,
        said: r.RecordCallback | FeedbackGiven,
        at: datetime,
        *,
        by: Actor | None = None,
        lawful: bool = False,
        explanation: str = "",
    ) -> list[Event]:
        reached = said.contacted or isinstance(said, FeedbackGiven)
        responded = said.contacted if isinstance(said, FeedbackGiven) else said.responded
        attempt = state.attempts + 1
        recorded = r.CallbackRecorded(
            by=by,
            terms=state.terms if reached else self._retry(state, at),
            contacted=said.contacted,
            resolved=said.resolved,
            satisfied=said.satisfied,
            by_resident=isinstance(said, FeedbackGiven),
            attempt=attempt,
            unit=state.unit,
            responded=responded if reached else None,
            last=not reached and attempt >= self._desk.jurisdiction.thresholds.callback_attempts,
            report=said.report if isinstance(said, FeedbackGiven) else None,
        )
        closable = state.replied and (lawful or self._seen_to_be_done(state))
        if not reached:
            return [recorded, *(self._unreached(state, at, closable=closable) if recorded.last else [])]
        if said.resolved and said.satisfied:
            if recorded.report is not None:
                return [recorded]
            return [recorded, *self.close(state, r.Outcome.RESOLVED, at, EndReason.CLOSED)]
        if closable and (state.redone or state.reopened or lawful):
            review = self.review(state, explanation)
            closed = self.close(state, r.Outcome.UNSATISFIED, at, EndReason.CLOSED, review=review)
            return [recorded, *closed]
        if self._beyond_the_settler(state, at):
            return [recorded, *self._register.uploaded(state, at)]
        return [recorded, *self.redo(state, "居民表示问题未解决或者不满意", at)]

    def _beyond_the_settler(self, state: WorkOrder, at: datetime) -> bool:
        """R-GRD-01, R-COM-01: settled on the spot by a unit to which the matter cannot be given back."""
        place = state.place or self._desk.ladder.district
        lawful = self._desk.ladder.may_lead(state.unit or "", state.matter, place, day_of(at))
        return state.mode is HandlingMode.DIRECT and not lawful

    def _retry(self, state: WorkOrder, at: datetime) -> tuple[r.Term, ...]:
        """R-HOT-08: the next attempt, on another day, from the hour on in which residents are called."""
        hour = self._desk.jurisdiction.thresholds.callback_from_hour
        opens = datetime.combine(day_of(at) + timedelta(days=1), time(hour), SHANGHAI).astimezone(UTC)
        again = self._desk.clocks.stated("callback", "callback_attempts", at, opens)
        return (*state.without("callback", "callback" + SUPERVISED), again)

    def _seen_to_be_done(self, state: WorkOrder) -> bool:
        """R-GRD-02: whether a check matched, where the matter needs one: else only the resident's yes closes it."""
        needed = self._desk.policy.checks.decide(self._desk.ladder.matter_key(state.matter))
        return state.verified or needed.then["check"] != "required"

    def _unreached(self, state: WorkOrder, at: datetime, *, closable: bool) -> list[Event]:
        """After the last attempt: what was replied to, and seen to be done, is closed; the rest goes back."""
        if closable:
            return self.close(state, r.Outcome.UNREACHABLE, at, EndReason.CLOSED)
        lacking = "现场核查尚未相符" if state.replied else "单位未按期答复"
        return self.redo(state, f"{lacking}，且未能联系到居民", at)

    def redo(self, state: WorkOrder, reason: str, at: datetime) -> list[Event]:
        """JN27, R-LAD-08: once more to the same unit, with a new time, never more than the order had.

        Supervision that is due stays due.
        """
        rules = self._desk.rules(state)
        contact = self._desk.clocks.start("contact", rules["contact"], at)
        lawful = f"{self._desk.policy.settings.clocks.redo} {rules['handle']}"
        handle = self._desk.clocks.handling(lawful, at)
        terms = (contact, *handle, *state.only("supervise"))
        unit = state.unit or ""
        again = r.RedoOrdered(terms=terms, unit=unit, reason=reason, unanswered=not state.replied)
        return [again, remind(state, unit, ReminderKind.REDO, handle[0].at)]

    def close(
        self,
        state: WorkOrder,
        outcome: r.Outcome,
        at: datetime,
        reason: EndReason,
        *,
        review: r.LawfulReviewOffered | None = None,
    ) -> list[Event]:
        """结案; everybody with an assignment is told. Before a review the ways are named (R-LAD-06)."""
        closed = r.CaseClosed(
            terms=(self._desk.clocks.wait("archive", at),),
            outcome=outcome,
            unit=state.unit,
            exit=state.exit,
            review_offered=review is not None,
            reopen_until=self._desk.reopen_until(state, outcome, at),
        )
        return [*([review] if review else []), closed, *ended(state, reason)]

    def review(self, state: WorkOrder, explanation: str = "") -> r.LawfulReviewOffered:
        """R-LAD-06: what the law leaves open on this track, the matter's own way first."""
        row = self._desk.policy.reviews.decide(state.track)
        matter = self._desk.jurisdiction.matters[state.matter] if state.matter else None
        own = (matter.legal_exit,) if matter and matter.legal_exit and state.track != "P" else ()
        codes = dict.fromkeys((*own, *row.then["routes"].split()))
        routes = tuple(self._desk.way(code) for code in codes)
        return r.LawfulReviewOffered(
            unit=state.unit or "", track=state.track, routes=routes, row=row.fired, explanation=explanation
        )

    def withdrawn(self, state: WorkOrder, e: CaseWithdrawn, at: datetime) -> list[Event]:
        """The resident may end the case while it is open; a danger is not the resident's to withdraw, nor what
        another report that is linked to the case still asks for (R-PET-18).
        """
        if e.stands or e.at_line or state.status not in OPEN | {S.REGISTERED}:
            return []
        return self.close(state, r.Outcome.WITHDRAWN, at, EndReason.WITHDRAWN)

    def supervise(self, state: WorkOrder, c: r.SuperviseCase, at: datetime) -> Decision:
        """R-HOT-10 督办 for a stated reason."""
        if state.status not in OPEN:
            return wrong_status(state, "supervised", OPEN)
        unit = state.unit or ""
        supervised = r.CaseSupervised(
            by=c.actor, terms=self._desk.warned(state, at), unit=unit, term="manual", reason=c.reason
        )
        return [supervised, remind(state, unit, ReminderKind.SUPERVISED)]

    def confirm_emergency(self, state: WorkOrder, c: r.ConfirmEmergency, at: datetime) -> Decision:
        """R-HOT-13: the line took it over."""
        if state.status is not S.EMERGENCY_XFER or state.term("emergency") is None:
            return wrong_status(state, "confirmed", {S.EMERGENCY_XFER}, "once")
        archive = self._desk.clocks.wait("archive", at)
        return [
            r.EmergencyConfirmed(by=c.actor, terms=(archive,), line=state.line or "", reference=c.reference)
        ]

    def recompute(self, state: WorkOrder, c: r.RecomputeDeadlines, at: datetime) -> Decision:
        """domain.md §6: the schedule of a new year arrived; provisional times are counted again."""
        terms, changed = self._desk.clocks.recomputed(state)
        return [r.DeadlineRecomputed(by=c.actor, terms=terms, changed=changed)] if changed else []


def _unexplained(state: WorkOrder, c: r.RecordCallback) -> Refused | None:
    """R-LAD-06, R-HOT-08: that a result is lawful ends a case only where somebody said why. Where the unit itself
    did not, it gets the case back first, and only what it brings then is judged by the hotline's own reasons."""
    if not c.lawful or (c.resolved and c.satisfied) or state.explained:
        return None
    if not (state.redone or state.reopened):
        reason = (
            "the reply explains nothing: the case goes back to the unit first; record it without `lawful`"
        )
        return Refused("NOT_EXPLAINED", reason, "lawful")
    if c.explanation:
        return None
    reason = "say why what was done is lawful, as the resident was told"
    return Refused("EXPLANATION_NEEDED", reason, "explanation")


def _is_anothers(state: WorkOrder, actor: Actor, at: datetime) -> Refused | None:
    """Refuse who would call a resident whom another operator is calling."""
    claim = state.claim
    if claim is None or claim.until <= at or claim.subject == actor.subject:
        return None
    return Refused("CLAIMED", f"another operator is calling the resident, until {claim.until.isoformat()}")
