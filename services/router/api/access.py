"""Who may see a case and act on it: by role, jurisdiction and interest (R-LAD-04, R-HOT-14, R-PET-10). Pure.

Whoever may not see a case gets the same answer as for a case that does not exist.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from chassis.http import Principal, Problem, Role
from schemas.department import AssignmentRole, TextAccess
from schemas.jurisdiction import Jurisdiction
from schemas.router import QueueReason
from services.router.api.office import Case
from services.router.domain.workorder import WorkOrder

WORKERS: Final = (Role.HANDLER, Role.GRID_WORKER, Role.MEDIATOR, Role.PETITION_OFFICER)
"""Act for their own unit's assignments."""
DESKS: Final = (Role.OPERATOR, Role.SUPERVISOR)
"""Act in their jurisdiction."""
READERS: Final = (*WORKERS, *DESKS, Role.OPS)
_TRACK_OF: Final = {Role.MEDIATOR: "M", Role.PETITION_OFFICER: "P"}


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one jurisdiction, in which the 12345 centre works district-wide."""

    jurisdiction: Jurisdiction

    def check_unit(self, principal: Principal) -> None:
        """Raise Problem 403 unless the token names a unit of this jurisdiction; who is ops alone needs none."""
        if principal.unit in self.jurisdiction.units:
            return
        if principal.unit is None and not principal.has(*WORKERS, *DESKS):
            return
        named = f"names {principal.unit}, which is no unit of {self.jurisdiction.code}"
        detail = f"Your token {named if principal.unit else 'names no unit'}; use one issued for your unit."
        raise Problem(403, "unit_required", "Your token names no unit here", detail)

    def above(self, principal: Principal) -> tuple[str, ...]:
        """The caller's unit and all above it: where one of these is complained of, the caller sees nothing.

        Of a caller without a unit (ops) nobody knows under whom they stand, so any subject keeps them out.
        """
        if principal.unit is None:
            return tuple(self.jurisdiction.units)
        return (principal.unit, *self.jurisdiction.ancestors(principal.unit))

    def is_wide(self, principal: Principal) -> bool:
        """Whether the caller oversees the whole jurisdiction; who works for a unit reaches no further than it."""
        wide = {self.jurisdiction.code, self.jurisdiction.hotline, None}
        return principal.unit in wide and principal.has(*DESKS, Role.OPS)

    def is_of_the_centre(self, principal: Principal) -> bool:
        """Whether the caller works for the hotline centre or the district, in whatever role."""
        return principal.unit in {self.jurisdiction.code, self.jurisdiction.hotline}

    def reaches(self, principal: Principal, unit: str) -> bool:
        """Whether `unit` lies in the caller's jurisdiction."""
        if self.is_wide(principal):
            return True
        return principal.unit is not None and self.jurisdiction.in_scope(principal.unit, unit)

    def reaches_any(self, principal: Principal, *units: str | None) -> bool:
        """Whether one of the units, so far as there are any, lies in the caller's jurisdiction."""
        return any(unit is not None and self.reaches(principal, unit) for unit in units)

    def sees(self, principal: Principal, case: Case) -> bool:
        """Whether the case exists for the caller at all."""
        first = case.first
        interested = {*case.state.subjects, *(first.subjects if first else ())}
        if not interested.isdisjoint(self.above(principal)):
            return False
        if first is not None and first.sealed and principal.unit != _recipient(first):
            return False
        if not self.is_wide(principal) and any(
            state is not None and state.queue is QueueReason.POLICY for state in (case.state, first)
        ):
            return False  # whom it accuses only a human can tell: it may be whoever asks
        if case.state.sealed:
            return principal.has(*WORKERS, *DESKS) and principal.unit in _recipients(case)
        return (
            self._at_desk(principal, case)
            or any(self._at_work(principal, role, case, open_only=False) for role in WORKERS)
            or self._watches(principal, case)
        )

    def require_seen(self, principal: Principal, case: Case | None, case_id: UUID) -> Case:
        """The case, or Problem 404 as if there were none."""
        self.check_unit(principal)
        if case is None or not self.sees(principal, case):
            raise Problem(
                404, "case_unknown", "No such case", f"There is no case {case_id} that you may see."
            )
        return case

    def reads_words(self, principal: Principal, case: Case) -> bool:
        """Whether the caller may read what the resident said; past holders may not (R-PRIV-01)."""
        state = case.state
        if not self.sees(principal, case) or not principal.has(*WORKERS, *DESKS):
            return False
        if state.sealed or state.confidential:
            triaging = state.queue is not None and not state.sealed and principal.has(Role.OPERATOR)
            return principal.unit in _recipients(case) or triaging
        if principal.has(*DESKS) and self._in_jurisdiction(principal, case, open_only=True):
            return True
        return self._watches(principal, case) or any(
            holding.is_open
            and holding.access is not TextAccess.WITHHELD
            and self.works_for(principal, holding.unit)
            for holding in case.holdings
        )

    def acts_as(
        self, principal: Principal, roles: tuple[Role, ...], case: Case, *, independent: bool
    ) -> Role | None:
        """The first of the command's roles in which the caller may act on the case; None: in none of them.

        `independent`: nobody decides on the request of their own unit; only a unit above it or the hotline
        centre does.
        """
        for role in roles:
            if role not in principal.roles:
                continue
            if role in DESKS:
                if self._in_jurisdiction(principal, case) and not (
                    independent and self._is_own(principal, case)
                ):
                    return role
            elif self._at_work(principal, role, case, open_only=True):
                return role
        return None

    def had(self, principal: Principal, roles: tuple[Role, ...], case: Case) -> bool:
        """Whether the caller, in one of the roles, has or had the case as a unit at work on it."""
        return any(
            role in WORKERS and self._at_work(principal, role, case, open_only=False) for role in roles
        )

    def _at_desk(self, principal: Principal, case: Case) -> bool:
        return principal.has(*DESKS, Role.OPS) and self._in_jurisdiction(principal, case)

    def _in_jurisdiction(self, principal: Principal, case: Case, *, open_only: bool = False) -> bool:
        """Whether the caller reaches the place, or a unit that has (unless `open_only`: or had) the case."""
        if self.is_wide(principal):
            return True
        holders = (holding.unit for holding in case.holdings if holding.is_open or not open_only)
        return self.reaches_any(principal, case.state.place, case.state.unit, *holders)

    def _at_work(self, principal: Principal, role: Role, case: Case, *, open_only: bool) -> bool:
        """Whether the caller holds that role for a unit that has (or had) the case; mediators and petition
        officers only on their own track."""
        if role not in principal.roles or _TRACK_OF.get(role, case.state.track) != case.state.track:
            return False
        return any(
            self.works_for(principal, holding.unit) and (holding.is_open or not open_only)
            for holding in case.holdings
        )

    def _watches(self, principal: Principal, case: Case) -> bool:
        """R-LAD-04: whether the caller's feed tells of the case because whoever has it is complained of."""
        return principal.unit in case.watchers and principal.has(*WORKERS)

    def works_for(self, principal: Principal, unit: str) -> bool:
        """Whether `unit` is the caller's, or stands under it."""
        return principal.unit is not None and self.jurisdiction.in_scope(principal.unit, unit)

    def _is_own(self, principal: Principal, case: Case) -> bool:
        return principal.unit == case.state.unit and principal.unit != self.jurisdiction.hotline


def _recipient(state: WorkOrder) -> str | None:
    """Who has a sealed case now."""
    return state.unit or (state.receiver.unit if state.receiver else "")


def _recipients(case: Case) -> set[str | None]:
    """R-PET-10: of a sealed case, who has it now, and nobody above; of a confidential one, the responsible unit."""
    units: set[str | None] = {
        holding.unit
        for holding in case.holdings
        if holding.is_open and holding.role in {AssignmentRole.LEAD, AssignmentRole.EXIT}
    }
    if case.state.unit is not None:
        units.add(case.state.unit)
    return units
