"""Who mediates: assigned or chosen, accepted, refused, recused (R-MED-02, R-MED-04); panels with their seats."""

from collections.abc import Mapping
from datetime import datetime

from chassis.decider import Decision, Refused
from schemas import mediation as m
from services.mediation.domain.desk import Desk
from services.mediation.domain.state import Mediation


class Bench:
    """The mediators of a case."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def assign(self, state: Mediation, c: m.AssignMediators, at: datetime) -> Decision:
        """R-MED-02: one or more of one committee that may mediate this kind for the unit."""
        known = self._desk.mediators.mediators
        if unknown := [code for code in c.mediators if code not in known]:
            return Refused("UNKNOWN_MEDIATOR", f"{', '.join(unknown)}: not among the mediators", "mediators")
        if gone := [code for code in c.mediators if code in state.barred]:
            return Refused("BARRED", f"R-MED-04: {', '.join(gone)} was refused or recused", "mediators")
        committees = {known[code].committee for code in c.mediators}
        if len(committees) > 1 or len(set(c.mediators)) != len(c.mediators):
            return Refused("ONE_COMMITTEE", "name different mediators of one committee", "mediators")
        committee = committees.pop()
        if wrong := self._wrong_committee(state, committee) or self._wrong_panel(state, c):
            return wrong
        return [
            m.MediatorsAssigned(
                by=c.actor,
                terms=state.terms,
                mediators=c.mediators,
                committee=committee,
                chosen_by_parties=c.chosen_by_parties,
                panel=c.panel,
                seats=c.seats,
            )
        ]

    def _wrong_committee(self, state: Mediation, code: str) -> Refused | None:
        lawful = self._desk.mediators.committees_for(state.unit, state.procedure, self._desk.jurisdiction)
        named = {committee.code: committee for committee in lawful}
        if code not in named:
            reason = f"{state.procedure} is mediated here by {', '.join(named) or 'nobody'}"
            return Refused("WRONG_COMMITTEE", reason, "mediators")
        if self._desk.interested(named[code].unit, state.kept_from):
            return Refused("INTERESTED", f"R-LAD-04: {named[code].unit} is complained of", "mediators")
        return None

    def _wrong_panel(self, state: Mediation, c: m.AssignMediators) -> Refused | None:
        """Every seat is taken, once, and the parties agreed to who takes part (TJ20)."""
        if c.panel is None:
            return Refused("NO_PANEL", "seats belong to a panel; name it", "panel") if c.seats else None
        panel = self._desk.mediators.panels.get(c.panel)
        if panel is None:
            known = ", ".join(self._desk.mediators.panels)
            return Refused("UNKNOWN_PANEL", f"expected one of {known}", "panel")
        wanted = sorted(seat.code for seat in panel.seats)
        if sorted(taken.seat for taken in c.seats) != wanted:
            return Refused("SEATS", f"{panel.name} needs exactly the seats {', '.join(wanted)}", "seats")
        if wrong := self._wrong_holders(state, c, {seat.code: seat.unit for seat in panel.seats}):
            return wrong
        if not c.parties_agree:
            return Refused(
                "AGREEMENT_NEEDED", "TJ20: others take part only if the parties agree", "parties_agree"
            )
        return None

    def _wrong_holders(
        self, state: Mediation, c: m.AssignMediators, units: Mapping[str, str | None]
    ) -> Refused | None:
        """Each seat is of another person, of the body that it belongs to, who has no interest in the case."""
        staff = [seat.staff for seat in c.seats]
        if len({*staff, *c.mediators}) != len(staff) + len(c.mediators):
            return Refused("SAME_PERSON", "nobody has two seats, nor a seat beside mediating", "seats")
        if gone := [code for code in staff if code in state.barred]:
            return Refused("BARRED", f"R-MED-04: {', '.join(gone)} was refused or recused", "seats")
        for seat in c.seats:
            unit = units[seat.seat]
            if unit is None:
                continue
            if not seat.staff.startswith(f"{unit}-"):
                return Refused("WRONG_STAFF", f"{seat.seat}: staff of {unit}, such as {unit}-7", "seats")
            if self._desk.interested(unit, state.kept_from):
                return Refused("INTERESTED", f"R-LAD-04: {unit} is complained of", "seats")
        return None

    def refuse(self, state: Mediation, c: m.RefuseMediator, at: datetime) -> Decision:
        """R-MED-04: a party need not accept a mediator, nor who has a seat beside them."""
        if c.party not in state.labels:
            return Refused("UNKNOWN_PARTY", f"expected one of {', '.join(state.labels)}", "party")
        return self._left(state, c, c.party)

    def recuse(self, state: Mediation, c: m.RecuseMediator, at: datetime) -> Decision:
        """R-LAD-04: an interested mediator leaves, and so does who has a seat."""
        return self._left(state, c, None)

    def _left(self, state: Mediation, c: m.RefuseMediator | m.RecuseMediator, party: str | None) -> Decision:
        present = (*state.mediators, *(seat.staff for seat in state.seats))
        if c.mediator not in present:
            named = ", ".join(present) or "nobody"
            return Refused("NOT_ASSIGNED", f"assigned are: {named}", "mediator")
        return [
            m.MediatorLeft(
                by=c.actor, terms=state.terms, mediator=c.mediator, refused_by=party, reason=c.reason
            )
        ]
