"""The clocks of a petition (domain.md §6): counted by the jurisdiction's rules, paused, extended, counted again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from chassis.calendar import WorkingCalendar
from schemas.deadline import DeadlineRule
from schemas.router import Term
from services.petition.domain.petition import Petition, supervision
from services.terms import INSTANT, Terms

RULES: Final = frozenset(
    f"petition.{name}"
    for name in (
        "register",
        "notice",
        "object",
        "consent",
        "urgent",
        "opinion",
        "answer",
        "hearing",
        "deliver",
        "execute",
        "supervise",
        "review-apply",
        "review",
        "recheck-apply",
        "recheck",
        "simple-accept",
        "simple-opinion",
    )
)
"""What a jurisdiction's deadlines.yaml must have for petitions."""
AT_RISK: Final = 0.75
"""R-CARD-01: the share of the time after which the yellow plate is given."""


class Clocks:
    """Counts terms by the jurisdiction's deadline rules and calendar."""

    def __init__(self, rules: Mapping[str, DeadlineRule], calendar: WorkingCalendar) -> None:
        self._terms = Terms(rules, calendar)

    def start(self, name: str, rule: str, since: datetime) -> Term:
        """The clock `name` by the deadline rule `petition.<rule>`, counted from `since`."""
        return self._terms.start(name, f"petition.{rule}", since)

    def timed(self, name: str, rule: str, since: datetime) -> tuple[Term, Term]:
        """A clock with its mark for the yellow plate."""
        term = self.start(name, rule, since)
        return term, self.mark(term)

    def mark(self, term: Term) -> Term:
        """The moment at which 75 % of the time is gone (R-CARD-01)."""
        at = term.since + (term.at - term.since) * AT_RISK
        return Term(name="mark", at=at, since=term.since, rule="at_risk", provisional=term.provisional)

    def supervise(self, name: str, at: datetime) -> Term:
        """From the reminder about the clock `name` to its supervision, and from one supervision to the next."""
        return self.start(supervision(name), "supervise", at)

    def stated(self, name: str, since: datetime, at: datetime) -> Term:
        """A clock that somebody set to an instant."""
        return Term(name=name, at=at, since=since, rule="stated")

    def extended(self, term: Term, days: int) -> tuple[Term, Term]:
        """R-PET-07: the clock with `days` calendar days more from the end that it had, and its mark."""
        rule = DeadlineRule(name=term.rule, amount=days, unit="days", source="XF34")
        longer = self._terms.amended(term.name, rule, term.at - INSTANT)
        return longer, self.mark(longer.model_copy(update={"since": term.since}))

    def resumed(self, state: Petition, at: datetime) -> tuple[Term, ...]:
        """XF36: the time of a re-review after a hearing, whose days are not counted."""
        term, paused = state.term("recheck"), state.paused_at
        if term is None or paused is None:
            return ()
        left = max(1, self._terms.days_left(paused, term.at, "days"))
        rule = DeadlineRule(name=term.rule, amount=left, unit="days", source="XF36")
        rest = self._terms.amended(term.name, rule, at)
        return rest, self.mark(rest)

    def recomputed(self, state: Petition) -> tuple[tuple[Term, ...], tuple[str, ...]]:
        """All clocks by today's calendar, and the names of those that changed (domain.md §6)."""
        fresh = tuple(self._terms.again(term) if term.provisional else term for term in state.terms)
        main = state.main()
        again = next((term for term in fresh if main is not None and term.name == main.name), None)
        if again is not None and again != main:
            fresh = tuple(self._marked(again, term) if term.name == "mark" else term for term in fresh)
        changed = (new.name for old, new in zip(state.terms, fresh, strict=True) if old != new)
        return fresh, tuple(changed)

    def _marked(self, term: Term, mark: Term) -> Term:
        """The mark anew; an extended time is counted from its old end, its share from the beginning."""
        return self.mark(term.model_copy(update={"since": mark.since}))
