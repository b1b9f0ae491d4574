"""The clocks of a case: which run, until when, and what a pause or a new calendar does to them (domain.md §6)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

from chassis.calendar import WorkingCalendar
from schemas.deadline import DeadlineRule
from schemas.router import Term
from services.router.domain.workorder import WorkOrder
from services.router.policy.model import Policy
from services.terms import INSTANT, Terms

SUPERVISED = "_supervise"
"""Ends the name of the clock that follows a reminder."""


class Clocks:
    """Counts terms by the jurisdiction's deadline rules and calendar."""

    def __init__(self, rules: Mapping[str, DeadlineRule], policy: Policy, calendar: WorkingCalendar) -> None:
        self._terms = Terms(rules, calendar)
        self._names = policy.settings.clocks
        self._share = policy.settings.at_risk_percent / 100
        # the cases of a batch are decided at one instant, and so share their clocks
        self._started = lru_cache(maxsize=256)(self._terms.start)
        self._ordered = lru_cache(maxsize=256)(self._order)

    def start(self, name: str, rule: str, since: datetime) -> Term:
        """The clock `name` by the deadline rule `rule`, counted from `since`."""
        return self._started(name, rule, since)

    def stated(self, name: str, rule: str, since: datetime, at: datetime) -> Term:
        """A clock that somebody set to an instant."""
        return Term(name=name, at=at, since=since, rule=rule)

    def handling(self, rules: str, since: datetime) -> tuple[Term, Term]:
        """The handling clock and its mark for the yellow plate (R-CARD-01): of several rules, the first to end."""
        ends = (self.start("handle", rule, since) for rule in rules.split())
        handle = min(ends, key=lambda term: term.at)
        return handle, self.mark(handle)

    def mark(self, handle: Term) -> Term:
        """The moment at which the configured share of the handling time is gone."""
        at = handle.since + (handle.at - handle.since) * self._share
        return Term(name="mark", at=at, since=handle.since, rule="at_risk", provisional=handle.provisional)

    def order(self, handle: str, sign: str, object_: str | None, since: datetime) -> tuple[Term, ...]:
        """The clocks of a fresh work order; without `object_` the unit may not object."""
        return self._ordered(handle, sign, object_, since)

    def _order(self, handle: str, sign: str, object_: str | None, since: datetime) -> tuple[Term, ...]:
        sign_term = self.start("sign", sign, since)
        objection = (self.start("object", object_, since),) if object_ else ()
        return (sign_term, *objection, *self.handling(handle, since))

    def wait(self, name: str, since: datetime) -> Term:
        """A clock whose rule the policy's settings name after it (callback, archive, ...)."""
        rule: str = getattr(self._names, name)
        return self.start(name, rule, since)

    def extended(self, handle: Term, days: int) -> tuple[Term, Term]:
        """The handling clock with `days` calendar days more, from the end that it had."""
        rule = DeadlineRule(name=self._names.extension, amount=days, unit="days", source="R-HOT-07")
        longer = self._terms.amended("handle", rule, handle.at - INSTANT)
        return longer, self.mark(Term.model_validate({**dict(longer), "since": handle.since}))

    def longest_extension(self, since: datetime) -> datetime:
        """The instant beyond which no extension may go."""
        return self.start("handle", self._names.extension, since - INSTANT).at

    def resumed(self, state: WorkOrder, at: datetime) -> tuple[Term, ...]:
        """The handling clocks after a pause: exact times move by its length, days left are counted anew."""
        handle, paused = state.term("handle"), state.suspended_at
        if handle is None or paused is None:
            return ()
        moved = self._moved(handle, paused, at)
        mark = state.term("mark")
        if mark is None:
            return (moved,)
        share = max(timedelta(), mark.at - paused) / max(timedelta(seconds=1), handle.at - paused)
        return moved, Term.model_validate({**dict(mark), "at": at + (moved.at - at) * share})

    def _moved(self, handle: Term, paused: datetime, at: datetime) -> Term:
        unit = self._terms.unit_of(handle) or "hours"
        if unit == "hours" or handle.at <= paused:
            shift = at - paused
            return Term.model_validate(
                {**dict(handle), "at": handle.at + shift, "since": handle.since + shift}
            )
        left = self._terms.days_left(paused, handle.at, unit)
        rest = DeadlineRule(name=handle.rule, amount=max(1, left), unit=unit, source="R-GRD-02")
        return self._terms.amended("handle", rest, at)

    def recomputed(self, state: WorkOrder) -> tuple[tuple[Term, ...], tuple[str, ...]]:
        """All clocks of the case by today's calendar, and the names of those that changed (domain.md §6)."""
        fresh = tuple(self._terms.again(term) if term.provisional else term for term in state.terms)
        handle = next((term for term in fresh if term.name == "handle"), None)
        if handle is not None and handle != state.term("handle"):
            fresh = tuple(self._marked(handle, term) if term.name == "mark" else term for term in fresh)
        changed = (new.name for old, new in zip(state.terms, fresh, strict=True) if old != new)
        return fresh, tuple(changed)

    def _marked(self, handle: Term, mark: Term) -> Term:
        """The mark anew: an extended time is counted from its old end, its share from the beginning."""
        return self.mark(Term.model_validate({**dict(handle), "since": mark.since}))
