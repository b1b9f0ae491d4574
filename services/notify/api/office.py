"""What every route of notify stands on, and who may see what."""

from dataclasses import dataclass

from chassis.host import Host
from chassis.http import Principal, Problem
from schemas.jurisdiction import Jurisdiction
from services.notify.composing import Composer
from services.notify.contacts import Contacts
from services.notify.domain import NoState
from services.notify.settings import NotifySettings


@dataclass(frozen=True, slots=True)
class Office:
    """The rules and the running service."""

    host: Host[NoState]
    settings: NotifySettings
    jurisdiction: Jurisdiction
    composer: Composer
    contacts: Contacts

    def demand_unit(self, principal: Principal) -> str:
        """The caller's unit. Raises Problem 403 where the token names none of ours."""
        unit = principal.unit
        if unit is None or unit not in self.jurisdiction.units:
            named = f"names {unit}, which is no unit of {self.jurisdiction.code}" if unit else "names no unit"
            detail = f"Your token {named}; use one issued for your unit."
            raise Problem(403, "unit_required", "Your token names no unit here", detail)
        return unit

    def demand_centre(self, principal: Principal) -> str:
        """The same of the district or its hotline centre alone, which tells residents how their matter stands."""
        unit = self.demand_unit(principal)
        if unit not in {self.jurisdiction.code, self.jurisdiction.hotline}:
            detail = f"Your token is of {unit}; the hotline of {self.jurisdiction.code} does this."
            raise Problem(403, "not_the_centre", "Only the district's hotline does this", detail)
        return unit

    def above(self, unit: str) -> list[str]:
        """The unit and all above it: where one of these is complained of, the unit sees nothing (R-LAD-04)."""
        return [unit, *self.jurisdiction.ancestors(unit)]
