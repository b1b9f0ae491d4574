"""Who may see a mediation and act on it: by role, jurisdiction and interest (R-LAD-04, R-HOT-14). Pure.

Whoever may not see a case gets the same answer as for a case that does not exist.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from chassis.http import Principal, Problem, Role
from services.mediation.api.office import Case, Office
from services.mediation.api.papers import PARTIES, Paper
from services.mediation.domain.state import Agreement

WORKERS: Final = (Role.MEDIATOR, Role.HANDLER, Role.GRID_WORKER)
"""Act for the unit that has the mediation, and for its committee."""
ACTORS: Final = (*WORKERS, Role.SUPERVISOR)
READERS: Final = (*ACTORS, Role.OPERATOR, Role.OPS)


@dataclass(frozen=True, slots=True)
class Reading:
    """Which papers somebody may read, and in which role; None: all rounds, all kinds."""

    role: Role
    rounds: frozenset[int] | None = None
    kinds: frozenset[str] | None = None

    def allows(self, paper: Paper) -> bool:
        """Whether it may be read. Who the parties are was written down in the round of a paper, or before it."""
        if self.kinds is not None and paper.kind not in self.kinds:
            return False
        if self.rounds is None or paper.round in self.rounds:
            return True
        return paper.kind == PARTIES and paper.round < max(self.rounds)


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one jurisdiction."""

    office: Office

    def check_unit(self, principal: Principal) -> None:
        """Raise Problem 403 unless the token names a unit of this jurisdiction; who is ops alone needs none."""
        jurisdiction = self.office.jurisdiction
        if principal.unit in jurisdiction.units:
            return
        if principal.unit is None and not principal.has(*ACTORS, Role.OPERATOR):
            return
        named = f"names {principal.unit}, which is no unit of {jurisdiction.code}"
        detail = f"Your token {named if principal.unit else 'names no unit'}; use one issued for your unit."
        raise Problem(403, "unit_required", "Your token names no unit here", detail)

    def above(self, principal: Principal) -> tuple[str, ...]:
        """The caller's unit and all above it: where one of these is complained of, the caller sees nothing.

        Of a caller without a unit (ops) nobody knows under whom they stand, so any subject keeps them out.
        """
        jurisdiction = self.office.jurisdiction
        if principal.unit is None:
            return tuple(jurisdiction.units)
        return (principal.unit, *jurisdiction.ancestors(principal.unit))

    def reaches(self, principal: Principal, unit: str | None) -> bool:
        """Whether `unit` is the caller's or stands under it; ops without a unit reach all."""
        if principal.unit is None:
            return principal.has(Role.OPS)
        return unit is not None and self.office.jurisdiction.in_scope(principal.unit, unit)

    def is_near(self, principal: Principal, case: Case) -> bool:
        """Whether the case, or the committee that mediates it, lies in the caller's jurisdiction."""
        state = case.state
        return self._reaches_any(principal, state.unit, self.office.desk.committee_in_charge(state))

    def follows(self, principal: Principal, case: Case) -> tuple[Agreement, ...]:
        """The agreements that the caller's unit, or its committee, brought about or follows up (R-MED-08)."""
        desk, state = self.office.desk, case.state
        return tuple(
            one
            for one in state.agreements
            if self._reaches_any(
                principal, one.unit, desk.follower(state, one), desk.committee_in_charge(state, one)
            )
        )

    def is_police(self, principal: Principal, case: Case) -> bool:
        """R-MED-11: whether the caller's unit was told of a risk."""
        return case.state.police is not None and self.reaches(principal, case.state.police)

    def has_seat(self, principal: Principal, case: Case) -> bool:
        """Whether the caller sits in the panel (TJ20)."""
        return any(seat.staff == principal.subject for seat in case.state.seats)

    def _reaches_any(self, principal: Principal, *units: str | None) -> bool:
        return any(self.reaches(principal, unit) for unit in units)

    def sees(self, principal: Principal, case: Case) -> bool:
        """Whether the mediation exists for the caller at all."""
        state = case.state
        if state.sealed_to is not None:
            return principal.unit is not None and principal.unit == state.sealed_to
        if principal.subject in state.barred or not set(self.above(principal)).isdisjoint(state.kept_from):
            return False
        return (
            self.is_near(principal, case)
            or bool(self.follows(principal, case))
            or self.is_police(principal, case)
            or self.has_seat(principal, case)
        )

    def require_seen(self, principal: Principal, case: Case | None, case_id: UUID) -> Case:
        """The case, or Problem 404 as if there were none."""
        self.check_unit(principal)
        if case is None or not self.sees(principal, case):
            detail = f"There is no mediation {case_id} that you may see."
            raise Problem(404, "case_unknown", "No such mediation", detail)
        return case

    def acts_as(self, principal: Principal, case: Case) -> Role | None:
        """The first of the caller's roles in which they may act on the case; None: in none."""
        near = self.is_near(principal, case) or self.follows(principal, case)
        if not near or principal.unit is None or case.state.is_sealed:
            return None
        return next((role for role in ACTORS if role in principal.roles), None)

    def reads_papers(self, principal: Principal, case: Case) -> Reading:
        """What the caller may read of who the parties are and what they wrote. Raises Problem 403.

        R-PRIV-01: only who mediates or handles; who oversees sees the procedure, not the persons. Who has the case
        reads what was tried before, too (R-LAD-10); who only follows an agreement up, its round; the police that
        were told of a risk, who the parties are (R-MED-11); the discipline body what was sealed to it (R-PET-10).
        """
        role = next((one for one in (Role.MEDIATOR, Role.HANDLER) if one in principal.roles), None)
        state = case.state
        if role is not None and principal.unit is not None:
            if state.is_sealed or self.is_near(principal, case):
                return Reading(role)
            rounds = {one.round for one in self.follows(principal, case)}
            if self.has_seat(principal, case):
                rounds.add(state.round)
            if rounds:
                return Reading(role, rounds=frozenset(rounds))
            if self.is_police(principal, case):
                return Reading(role, kinds=frozenset({PARTIES}))
        detail = "Only mediators and handlers of the unit or the committee that has it read its papers."
        raise Problem(403, "papers_closed", "These papers are not yours to read", detail)
