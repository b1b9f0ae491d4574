"""Who may see a petition and act on it: by role, jurisdiction and interest (R-PET-10, R-PET-11). Pure.

Whoever may not see a petition gets the same answer as for one that does not exist.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from chassis.http import Principal, Problem, Role
from schemas.jurisdiction import Jurisdiction
from services.petition.api.office import Case
from services.petition.domain import Offices
from services.petition.domain.petition import Petition, S

WORKERS: Final = (Role.PETITION_OFFICER, Role.HANDLER)
"""Act for their own unit."""
DESKS: Final = (Role.OPERATOR, Role.SUPERVISOR)
READERS: Final = (*WORKERS, *DESKS)


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one jurisdiction."""

    jurisdiction: Jurisdiction
    offices: Offices

    def unit_of(self, principal: Principal) -> str:
        """The caller's unit. Raises Problem 403 unless the token names one of this jurisdiction."""
        if principal.unit is not None and principal.unit in self.jurisdiction.units:
            return principal.unit
        named = f"names {principal.unit}, which is no unit of {self.jurisdiction.code}"
        detail = f"Your token {named if principal.unit else 'names no unit'}; use one issued for your unit."
        raise Problem(403, "unit_required", "Your token names no unit here", detail)

    def above(self, unit: str) -> tuple[str, ...]:
        """The unit and all above it: where one of these is complained of, the unit sees nothing."""
        return (unit, *self.jurisdiction.ancestors(unit))

    def is_wide(self, unit: str) -> bool:
        """Whether the unit sees the petitions of the whole jurisdiction: the district, and its petition office."""
        return unit in {self.jurisdiction.code, self.offices.office}

    def sees(self, principal: Principal, state: Petition) -> bool:
        """Whether the petition exists for the caller at all."""
        unit = self.unit_of(principal)
        if not set(self.above(unit)).isdisjoint(state.kept_from) or state.is_recused(
            principal.recorded_as, unit
        ):
            return False
        if state.status is S.DISCIPLINE_SEALED:
            return unit == self.offices.discipline
        return self.is_wide(unit) or any(self._works_for(unit, holder) for holder in state.holders)

    def require_seen(self, principal: Principal, case: Case | None, case_id: UUID) -> Case:
        """The petition, or Problem 404 as if there were none."""
        if case is None or not self.sees(principal, case.state):
            raise Problem(
                404, "case_unknown", "No such petition", f"There is no petition {case_id} that you may see."
            )
        return case

    def reads_records(self, principal: Principal, state: Petition) -> bool:
        """R-PRIV-01: names and opinions are for those who have it or sent it, and for the petition office."""
        unit = self.unit_of(principal)
        if not principal.has(*WORKERS, Role.SUPERVISOR) or not self.sees(principal, state):
            return False
        if state.status is S.DISCIPLINE_SEALED:
            return True  # only the discipline body sees it, and must know who accuses (R-PET-10)
        involved = (state.unit, state.sender, state.handler, state.issuer)
        return unit == self.offices.office or any(
            self._works_for(unit, one) for one in involved if one is not None
        )

    def _works_for(self, unit: str, holder: str) -> bool:
        return self.jurisdiction.in_scope(unit, holder)
