"""What every part of the domain needs: units, offices, clocks, and who may act. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from chassis.calendar import WorkingCalendar
from chassis.decider import Refused
from schemas.jurisdiction import Jurisdiction
from schemas.message import Actor
from schemas.petition import LegalWay
from schemas.router import NamedExit
from services.petition.domain.clocks import Clocks
from services.petition.domain.petition import Petition

SUPERVISOR: Final = "supervisor"
"""The role of a unit's head."""


@dataclass(frozen=True, slots=True)
class Offices:
    """Who plays which part in the jurisdiction."""

    office: str
    """信访部门: the petition office (XF14)."""
    discipline: str
    """The discipline body (R-PET-10)."""
    discipline_exit: str
    superior_exit: str
    """The legal exit to the petition authority above the jurisdiction."""
    ways: Mapping[LegalWay, tuple[str, ...]]
    """The legal exits of each way (R-PET-06)."""
    urgent_to: tuple[str, ...]


class Desk:
    """The shared working place of the decisions."""

    def __init__(self, jurisdiction: Jurisdiction, offices: Offices, calendar: WorkingCalendar) -> None:
        self.jurisdiction, self.offices = jurisdiction, offices
        self.clocks = Clocks(jurisdiction.deadlines, calendar)

    def exit(self, code: str) -> NamedExit:
        """A legal exit as events carry it."""
        found = self.jurisdiction.legal_exits[code]
        return NamedExit(code=found.code, name=found.name, authority=found.authority, source=found.source)

    def interested(self, unit: str, subjects: Iterable[str]) -> bool:
        """R-PET-11, R-LAD-04: whether `unit` is complained of, or stands under one that is."""
        known = (subject for subject in subjects if subject in self.jurisdiction.units)
        return any(self.jurisdiction.controls(subject, unit) for subject in known)

    def above(self, unit: str, subjects: Iterable[str]) -> str | None:
        """R-PET-09: the next unit above that is not interested; None: outside this jurisdiction."""
        complained = tuple(subjects)
        for code in self.jurisdiction.ancestors(unit):
            current = self.jurisdiction.current(code)
            if not self.interested(current, complained):
                return current
        return None

    def common_superior(self, units: Iterable[str]) -> str | None:
        """R-PET-04: the lowest unit above all of them; None: they have none in common."""
        chains = [self.jurisdiction.ancestors(unit) for unit in units]
        return next((code for code in chains[0] if all(code in chain for chain in chains[1:])), None)

    def keeper(self, subjects: Iterable[str]) -> str | None:
        """Who sorts a petition anew: the petition office, else the district, else nobody of ours."""
        complained = tuple(subjects)
        for unit in (self.offices.office, self.jurisdiction.code):
            if not self.interested(unit, complained):
                return unit
        return None

    def acts_for(self, actor: Actor, unit: str | None) -> bool:
        """Whether the actor works for the unit or one above it; the petition office also for the district."""
        units = self.jurisdiction.units
        if unit not in units or actor.unit not in units or unit is None or actor.unit is None:
            return False
        if unit == self.jurisdiction.code and actor.unit == self.offices.office:
            return True
        return self.jurisdiction.controls(actor.unit, unit)

    def oversees(self, actor: Actor, unit: str | None) -> bool:
        """Whether the actor stands over the unit: the petition office, or a unit above it."""
        if actor.unit == unit or actor.unit is None:
            return False
        return actor.unit == self.offices.office or self.acts_for(actor, unit)

    def is_of(self, actor: Actor, unit: str | None) -> bool:
        """Whether the actor works for just this unit; the petition office also for the district."""
        if unit is None:
            return False
        return actor.unit == unit or (unit == self.jurisdiction.code and actor.unit == self.offices.office)

    def speaks_of_subjects(self, actor: Actor, unit: str | None) -> bool:
        """Whether the actor may say who is complained of: never the unit that would be rid of the petition."""
        if actor.unit in {self.offices.office, self.jurisdiction.code, self.jurisdiction.hotline}:
            return True
        return actor.unit != unit and self.acts_for(actor, unit)

    def sends_to(self, sender: str, unit: str) -> bool:
        """Whether the unit may forward to the other: the petition office to all, others within their own system."""
        return sender == self.offices.office or self.jurisdiction.controls(sender, unit)

    def barred(self, state: Petition, actor: Actor) -> Refused | None:
        """R-PET-11: interested units and recused staff do nothing with it."""
        if actor.unit in self.jurisdiction.units and self.interested(actor.unit or "", state.kept_from):
            return Refused("INTERESTED", "the unit complained of, and all that it controls, recuses itself")
        if state.is_recused(actor.subject, actor.unit):
            return Refused("RECUSED", "you were recused from this petition; a colleague must act")
        return None

    def unknown_unit(self, field: str, *units: str) -> Refused | None:
        """Refuse codes that are no units of the jurisdiction."""
        wrong = [unit for unit in units if unit not in self.jurisdiction.units]
        if not wrong:
            return None
        return Refused("UNKNOWN_UNIT", f"{', '.join(wrong)}: no unit of this jurisdiction; use a code", field)
