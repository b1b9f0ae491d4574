"""Agreements: written, oral, partial (R-MED-07); from the day of effect they are followed up (R-MED-08)."""

from collections.abc import Sequence
from datetime import datetime

from chassis.decider import Decision, Refused
from schemas import mediation as m
from schemas.message import Actor, Event
from schemas.router import Term
from services.mediation.domain.clocks import is_before, noon
from services.mediation.domain.desk import Desk
from services.mediation.domain.sessions import Sessions
from services.mediation.domain.state import Mediation, clock_of
from services.terms import day_of


class Agreements:
    """From the draft to the day of effect."""

    def __init__(self, desk: Desk, sessions: Sessions) -> None:
        self._desk, self._sessions = desk, sessions

    def draft(self, state: Mediation, c: m.DraftAgreement, at: datetime) -> Decision:
        """The paper to be signed; a newer draft takes the place of the older."""
        if wrong := self._wrong_obligations(state, c.obligations, state.began_at or at):
            return wrong
        number = state.draft.number if state.draft else state.numbered + 1
        return [
            m.AgreementDrafted(
                by=c.actor, terms=state.terms, number=number, partial=c.partial, obligations=c.obligations
            )
        ]

    def _wrong_obligations(
        self, state: Mediation, given: Sequence[m.Obligation], agreed: datetime
    ) -> Refused | None:
        numbers = [one.number for one in given]
        if len(set(numbers)) != len(numbers):
            return Refused("SAME_NUMBER", "each obligation has a number of its own", "obligations")
        if past := [str(one.due) for one in given if one.due < day_of(agreed)]:
            reason = f"{', '.join(past)}: nothing is due before {day_of(agreed)}, when it was agreed"
            return Refused("DUE_BEFORE", reason, "obligations")
        if unknown := sorted({one.by for one in given} - set(state.labels)):
            return Refused(
                "UNKNOWN_PARTY", f"{', '.join(unknown)}: no party of this mediation", "obligations"
            )
        return None

    def sign(self, state: Mediation, c: m.SignAgreement, at: datetime) -> Decision:
        """R-MED-07: effective once all parties, mediators and holders of seats signed and the committee sealed it
        (TJ29)."""
        draft = state.draft
        if draft is None:
            return Refused("NO_DRAFT", "draft the agreement first")
        if set(c.signed) != set(state.labels):
            return Refused("ALL_SIGN", f"all parties sign: {', '.join(state.labels)}", "signed")
        mediate = (*state.mediators, *(seat.staff for seat in state.seats))
        if not state.mediators or set(c.mediators) != set(mediate):
            named = ", ".join(mediate) if state.mediators else "assign a mediator first"
            return Refused("MEDIATORS_SIGN", f"those who mediate sign: {named}", "mediators")
        if not c.sealed_by_committee:
            reason = "TJ29: without the committee's seal it has no effect"
            return Refused("SEAL_NEEDED", reason, "sealed_by_committee")
        signed = c.signed_at or at
        if wrong := self._wrong_time(state, signed, at, "signed_at"):
            return wrong
        return self._reached(
            state,
            c.actor,
            at,
            signed,
            draft.obligations,
            draft.number,
            written=True,
            partial=draft.partial,
        )

    def oral(self, state: Mediation, c: m.RecordOralAgreement, at: datetime) -> Decision:
        """TJ28, TJ30: effective on agreement, where this kind of mediation needs no paper."""
        procedure = self._desk.procedure(state)
        if state.in_petition:
            return Refused("WRITTEN_NEEDED", "R-PET-16: within a petition it is put in writing (XF33)")
        if not procedure.oral:
            reason = f"{procedure.code} needs a written agreement ({procedure.source})"
            return Refused("WRITTEN_NEEDED", reason)
        if not state.mediators:
            return Refused("NO_MEDIATOR", "assign a mediator first (R-MED-02)")
        if set(c.agreed) != set(state.labels):
            return Refused("ALL_AGREE", f"all parties agree: {', '.join(state.labels)}", "agreed")
        agreed = c.agreed_at or at
        if wrong := self._wrong_time(state, agreed, at, "agreed_at"):
            return wrong
        if wrong := self._wrong_obligations(state, c.obligations, agreed):
            return wrong
        number = state.numbered + 1
        return self._reached(
            state, c.actor, at, agreed, c.obligations, number, written=False, partial=c.partial
        )

    def _wrong_time(self, state: Mediation, when: datetime, at: datetime, field: str) -> Refused | None:
        """An agreement comes about in a session or after it: never before the parties were mediated (R-MED-03)."""
        if when > at:
            return Refused("IN_THE_FUTURE", "record it once it has happened", field)
        if state.began_at and is_before(when, state.began_at):
            began = state.began_at.isoformat()
            return Refused("BEFORE_THE_SESSION", f"the first session was held at {began}", field)
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
        if written:
            window = self._desk.clocks.start(
                clock_of("confirm", number), "mediation.confirm-apply", effective
            )
            terms = (*terms, window)
            events.append(m.ConfirmationOpened(by=by, terms=terms, agreement=number))
        terms = (*terms, self.visit(number, obligations, at))
        return [*events, m.FollowUpPlanned(by=by, terms=terms, agreement=number)]

    def visit(self, number: int, outstanding: Sequence[m.Obligation], at: datetime) -> Term:
        """The next visit: some days after the next day of performance, or after today where that is past."""
        ahead = [one.due for one in outstanding if one.due >= day_of(at)]
        since = noon(min(ahead)) if ahead else at
        return self._desk.clocks.start(clock_of("visit", number), "mediation.visit", since)

    def go_on(self, state: Mediation, c: m.ContinueMediation, at: datetime) -> Decision:
        """On to what the partial agreement left open."""
        return self._sessions.too_late(state, at) or [m.MediationContinued(by=c.actor, terms=state.terms)]
