"""What every part of the domain needs: jurisdiction, mediators, clocks, and who may act."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from chassis.calendar import WorkingCalendar
from chassis.decider import Refused
from schemas.jurisdiction import Jurisdiction
from schemas.mediation import OpenRoute
from schemas.mediators import Mediators, Procedure
from schemas.message import Actor
from services.mediation.domain.clocks import Clocks
from services.mediation.domain.state import Mediation

SUPERVISOR: Final = "supervisor"
POLICE: Final = "traffic-police-mediation"
ARBITRATION: Final = "labour-arbitration"


class Desk:
    """The shared working place of mediation's decisions; pure."""

    def __init__(self, jurisdiction: Jurisdiction, mediators: Mediators, calendar: WorkingCalendar) -> None:
        self.jurisdiction, self.mediators = jurisdiction, mediators
        self.clocks = Clocks(jurisdiction.deadlines, calendar)

    def procedure(self, state: Mediation) -> Procedure:
        """The kind of mediation of the case."""
        return self.mediators.procedures[state.procedure]

    def interested(self, unit: str | None, subjects: Sequence[str]) -> bool:
        """R-LAD-04: whether the unit is complained of, or stands under one that is."""
        known = self.jurisdiction.units
        if unit is None or unit not in known:
            return False
        return any(one in known and self.jurisdiction.controls(one, unit) for one in subjects)

    def barred(self, state: Mediation, actor: Actor) -> Refused | None:
        """R-LAD-04, R-HOT-14: an interested unit does nothing with the case, whatever its role."""
        if self.interested(actor.unit, state.subjects):
            reason = "the unit complained of, and all that it controls, must recuse itself"
            return Refused("INTERESTED", reason)
        return None

    def not_in_charge(self, state: Mediation, actor: Actor) -> Refused | None:
        """Refuse who acts neither for the responsible unit nor for the committee that mediates."""
        committee = self.mediators.committees.get(state.committee or "")
        mine = {state.unit, *((committee.unit,) if committee else ())}
        if actor.role == SUPERVISOR or any(self._acts_for(actor.unit, unit) for unit in mine):
            return None
        reason = f"only {state.unit}, a unit above it, the committee or a supervisor may do this"
        return Refused("NOT_RESPONSIBLE", reason)

    def _acts_for(self, unit: str | None, below: str) -> bool:
        known = self.jurisdiction.units
        return (
            unit is not None and unit in known and below in known and self.jurisdiction.controls(unit, below)
        )

    def routes(
        self, state: Mediation, at: datetime, *, with_agreement: bool = False
    ) -> tuple[OpenRoute, ...]:
        """R-MED-05, R-MED-08, R-MED-10: the ways that stand open, with their times (R-MED-13, R-MED-14)."""
        procedure = self.procedure(state)
        codes = procedure.routes_with_agreement if with_agreement else procedure.routes
        exits = self.jurisdiction.legal_exits
        return tuple(
            OpenRoute(code=code, name=exits[code].name, until=self._until(code, state, at)) for code in codes
        )

    def _until(self, code: str, state: Mediation, at: datetime) -> datetime | None:
        if code == POLICE:
            return self.clocks.start(code, "mediation.traffic-apply-after-committee", at).at
        if code == ARBITRATION:  # the application for mediation began the year anew (劳动争议调解仲裁法 27)
            return self.clocks.start(code, "labour.limitation", state.opened_at or at).at
        return None
