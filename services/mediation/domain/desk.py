"""What every part of the domain needs: jurisdiction, mediators, clocks, and who may act."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from chassis.calendar import WorkingCalendar
from chassis.decider import Refused
from schemas.jurisdiction import Jurisdiction, Rung
from schemas.mediation import OpenRoute
from schemas.mediators import Mediators, Procedure
from schemas.message import Actor
from services.mediation.domain.clocks import Clocks
from services.mediation.domain.state import Agreement, Mediation

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

    def may_be_open(self, state: Mediation) -> bool:
        """R-MED-04: no party wants it closed; where it is not public by itself, all agreed (医疗纠纷条例 42)."""
        asked = self.procedure(state).closed
        return not state.closed_for and (not asked or set(state.public_for) == set(state.labels))

    def empty_seats(self, state: Mediation) -> tuple[str, ...]:
        """The seats of the panel that nobody has since their holders left."""
        panel = self.mediators.panels.get(state.panel or "")
        taken = {seat.seat for seat in state.seats}
        return tuple(seat.code for seat in panel.seats if seat.code not in taken) if panel else ()

    def interested(self, unit: str | None, subjects: Sequence[str]) -> bool:
        """R-LAD-04: whether the unit is complained of, or stands under one that is."""
        known = self.jurisdiction.units
        if unit is None or unit not in known:
            return False
        return any(one in known and self.jurisdiction.controls(one, unit) for one in subjects)

    def barred(self, state: Mediation, actor: Actor) -> Refused | None:
        """R-LAD-04, R-HOT-14, R-MED-04: an interested unit, and staff who left, do nothing, whatever their role."""
        if self.interested(actor.unit, state.kept_from):
            reason = "the unit complained of, and all that it controls, must recuse itself"
            return Refused("INTERESTED", reason)
        if actor.subject in state.barred:
            return Refused("RECUSED", "you were refused or recused in this case; a colleague must act")
        return None

    def not_in_charge(self, state: Mediation, actor: Actor, agreement: Agreement | None) -> Refused | None:
        """Refuse who acts neither for the responsible unit nor for the committee, nor stands above one of them:
        those of the agreement that a command is about, else those of the round. A supervisor is no exception: who
        follows one agreement up has no part in a later round (R-PET-11, R-PET-16)."""
        unit = self.follower(state, agreement) if agreement else state.unit
        committee = self.committee_in_charge(state, agreement)
        if any(self._acts_for(actor.unit, one) for one in (unit, committee)):
            return None
        return Refused("NOT_RESPONSIBLE", f"only {unit}, a unit above it, or the committee may do this")

    def follower(self, state: Mediation, agreement: Agreement) -> str:
        """R-MED-08, R-LAD-04: who visits: the unit that brought it about, else who has the case, else the first
        above it that is not complained of."""
        units = (agreement.unit, state.unit, *self.jurisdiction.ancestors(agreement.unit))
        lawful = (unit for unit in units if not self.interested(unit, state.kept_from))
        return next(lawful, self.jurisdiction.code)

    def has_higher(self, state: Mediation) -> bool:
        """R-LAD-02: whether there is a rung above the unit's; a department's next one is the same department.
        R-LAD-07: a department that waits behind the mediation is the next step, from the district as well."""
        if state.waits is not None and not self.interested(state.waits, state.kept_from):
            return True
        rung = self.jurisdiction.units[state.unit].rung
        return rung is not None and rung < Rung.DISTRICT

    def committee_in_charge(self, state: Mediation, agreement: Agreement | None = None) -> str | None:
        """The unit of the committee of an agreement, else of the round.

        R-LAD-04: None where it is complained of: nobody above it has a part in the case on its account.
        """
        unit = self.committee_unit(agreement.committee if agreement else state.committee)
        return None if self.interested(unit, state.kept_from) else unit

    def committee_unit(self, code: str | None) -> str | None:
        """The unit of a committee."""
        committee = self.mediators.committees.get(code or "")
        return committee.unit if committee else None

    def _acts_for(self, unit: str | None, below: str | None) -> bool:
        known = self.jurisdiction.units
        if unit is None or below is None or unit not in known or below not in known:
            return False
        return self.jurisdiction.in_scope(unit, below)

    def routes(
        self, state: Mediation, at: datetime, agreement: Agreement | None = None
    ) -> tuple[OpenRoute, ...]:
        """R-MED-05, R-MED-08, R-MED-10: the ways that stand open, with their times (R-MED-13, R-MED-14); other ones
        where an agreement was made and did not hold."""
        of = self.mediators.procedures[agreement.procedure if agreement else state.procedure]
        codes = of.routes_with_agreement if agreement else of.routes
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
