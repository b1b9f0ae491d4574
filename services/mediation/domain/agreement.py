"""Agreements: written, oral, partial (R-MED-07); from the day of effect they are followed up (R-MED-08)."""

from collections.abc import Sequence
from datetime import datetime

from chassis.decider import Decision, Refused
from schemas import mediation as m
from schemas.message import Actor, Event
from schemas.router import Term
from services.mediation.domain.clocks import noon
from services.mediation.domain.desk import Desk
from services.mediation.domain.sessions import Sessions
from services.mediation.domain.state import Mediation
from services.terms import day_of

IN_COURT = (m.Confirmation.FILED, m.Confirmation.COURT_ACCEPTED)


class Agreements:
    """From the draft to the day of effect."""

    def __init__(self, desk: Desk, sessions: Sessions) -> None:
        self._desk, self._sessions = desk, sessions

    def draft(self, state: Mediation, c: m.DraftAgreement, at: datetime) -> Decision:
        """The paper to be signed; a newer draft takes the place of the older."""
        if wrong := self._wrong_obligations(state, c.obligations):
            return wrong
        number = state.draft.number if state.draft else state.agreements + 1
        return [
            m.AgreementDrafted(
                by=c.actor, terms=state.terms, number=number, partial=c.partial, obligations=c.obligations
            )
        ]

    def _wrong_obligations(self, state: Mediation, given: Sequence[m.Obligation]) -> Refused | None:
        taken = {one.number for one in state.obligations}
        numbers = [one.number for one in given]
        if len(set(numbers)) != len(numbers) or taken & set(numbers):
            return Refused(
                "SAME_NUMBER", "each obligation has a number of its own, over all agreements", "obligations"
            )
        if unknown := sorted({one.by for one in given} - set(state.labels)):
            return Refused(
                "UNKNOWN_PARTY", f"{', '.join(unknown)}: no party of this mediation", "obligations"
            )
        return None

    def sign(self, state: Mediation, c: m.SignAgreement, at: datetime) -> Decision:
        """R-MED-07: effective once all parties and mediators signed and the committee sealed it (TJ29)."""
        draft = state.draft
        if draft is None:
            return Refused("NO_DRAFT", "draft the agreement first")
        if set(c.signed) != set(state.labels):
            return Refused("ALL_SIGN", f"all parties sign: {', '.join(state.labels)}", "signed")
        if set(c.mediators) != set(state.mediators):
            named = ", ".join(state.mediators) or "assign one first"
            return Refused("MEDIATORS_SIGN", f"those who mediate sign: {named}", "mediators")
        if not c.sealed_by_committee:
            reason = "TJ29: without the committee's seal it has no effect"
            return Refused("SEAL_NEEDED", reason, "sealed_by_committee")
        if wrong := self._wrong_time(state, c.signed_at, at, "signed_at"):
            return wrong
        return self._reached(
            state,
            c.actor,
            at,
            c.signed_at,
            draft.obligations,
            draft.number,
            written=True,
            partial=draft.partial,
        )

    def oral(self, state: Mediation, c: m.RecordOralAgreement, at: datetime) -> Decision:
        """TJ28, TJ30: effective on agreement, where this kind of mediation needs no paper."""
        procedure = self._desk.procedure(state)
        if not procedure.oral:
            reason = f"{procedure.code} needs a written agreement ({procedure.source})"
            return Refused("WRITTEN_NEEDED", reason)
        if not state.mediators:
            return Refused("NO_MEDIATOR", "assign a mediator first (R-MED-02)")
        if set(c.agreed) != set(state.labels):
            return Refused("ALL_AGREE", f"all parties agree: {', '.join(state.labels)}", "agreed")
        if wrong := self._wrong_obligations(state, c.obligations):
            return wrong
        if wrong := self._wrong_time(state, c.agreed_at, at, "agreed_at"):
            return wrong
        number = state.agreements + 1
        return self._reached(
            state, c.actor, at, c.agreed_at, c.obligations, number, written=False, partial=c.partial
        )

    def _wrong_time(self, state: Mediation, when: datetime, at: datetime, field: str) -> Refused | None:
        if when > at:
            return Refused("IN_THE_FUTURE", "record it once it has happened", field)
        if state.opened_at and day_of(when) < day_of(state.opened_at):
            return Refused("BEFORE_THE_OPENING", f"the mediation began on {day_of(state.opened_at)}", field)
        return self._sessions.too_late(state, when)

    def _reached(
        self,
        state: Mediation,
        by: Actor,
        at: datetime,
        effective: datetime,
        obligations: tuple[m.Obligation, ...],
        number: int,
        *,
        written: bool,
        partial: bool,
    ) -> list[Event]:
        reached = m.AgreementReached(
            by=by,
            terms=state.terms if partial else state.without("mediate"),
            number=number,
            written=written,
            partial=partial,
            obligations=obligations,
            effective_at=effective,
        )
        events: list[Event] = [reached]
        terms = reached.terms
        if written and state.confirmation not in IN_COURT:
            window = self._desk.clocks.start("confirm", "mediation.confirm-apply", effective)
            terms = (*(term for term in terms if term.name != "confirm"), window)
            events.append(m.ConfirmationOpened(by=by, terms=terms))
        if not partial:
            visit = self.visit((*state.outstanding, *obligations), at)
            events.append(m.FollowUpPlanned(by=by, terms=(*terms, visit)))
        return events

    def visit(self, outstanding: Sequence[m.Obligation], at: datetime) -> Term:
        """The next visit: some days after the next day of performance, or after today where that is past."""
        ahead = [one.due for one in outstanding if one.due >= day_of(at)]
        since = noon(min(ahead)) if ahead else at
        return self._desk.clocks.start("visit", "mediation.visit", since)

    def go_on(self, state: Mediation, c: m.ContinueMediation, at: datetime) -> Decision:
        """On to what the partial agreement left open."""
        return self._sessions.too_late(state, at) or [m.MediationContinued(by=c.actor, terms=state.terms)]
