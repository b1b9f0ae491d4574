"""Who may see a mediation and act on it: by role, jurisdiction and interest (R-LAD-04, R-HOT-14). Pure.

Whoever may not see a case gets the same answer as for a case that does not exist.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from chassis.http import Principal, Problem, Role
from services.mediation.api.office import Case, Office

WORKERS: Final = (Role.MEDIATOR, Role.HANDLER, Role.GRID_WORKER)
"""Act for the unit that has the mediation, and for its committee."""
ACTORS: Final = (*WORKERS, Role.SUPERVISOR)
READERS: Final = (*ACTORS, Role.OPERATOR, Role.OPS)


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
        committee = self.office.committee_unit(case.state)
        return self.reaches(principal, case.state.unit) or self.reaches(principal, committee)

    def require_seen(self, principal: Principal, case: Case | None, case_id: UUID) -> Case:
        """The case, or Problem 404 as if there were none."""
        self.check_unit(principal)
        hidden = case is None or not set(self.above(principal)).isdisjoint(case.state.subjects)
        if case is None or hidden or not self.is_near(principal, case):
            detail = f"There is no mediation {case_id} that you may see."
            raise Problem(404, "case_unknown", "No such mediation", detail)
        return case

    def acts_as(self, principal: Principal, case: Case) -> Role | None:
        """The first of the caller's roles in which they may act on the case; None: in none."""
        if not self.is_near(principal, case) or principal.unit is None:
            return None
        return next((role for role in ACTORS if role in principal.roles), None)

    def reads_papers(self, principal: Principal, case: Case) -> Role:
        """The role in which the caller may read who the parties are and what they wrote. Raises Problem 403.

        R-PRIV-01: only who mediates or handles; who oversees sees the procedure, not the persons.
        """
        role = next((one for one in (Role.MEDIATOR, Role.HANDLER) if one in principal.roles), None)
        if role is None or principal.unit is None or not self.is_near(principal, case):
            detail = "Only mediators and handlers of the unit or the committee that has it read its papers."
            raise Problem(403, "papers_closed", "These papers are not yours to read", detail)
        return role
