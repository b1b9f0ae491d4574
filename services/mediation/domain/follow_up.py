"""回访: is what was agreed performed? If not, the parties learn the legal ways (R-MED-08)."""

from datetime import datetime

from chassis.decider import Decision, Refused
from schemas import mediation as m
from schemas.message import Event
from services.mediation.domain.agreement import Agreements
from services.mediation.domain.ending import Ending
from services.mediation.domain.evolution import evolve
from services.mediation.domain.state import Agreement, Mediation


class FollowUp:
    """Visits until an agreement is performed or broken, whatever becomes of the case meanwhile."""

    def __init__(self, agreements: Agreements, ending: Ending) -> None:
        self._agreements, self._ending = agreements, ending

    def record(self, state: Mediation, one: Agreement, c: m.RecordVisit, at: datetime) -> Decision:
        """All performed: done. A breach: the notice. Otherwise the next visit."""
        known = {owed.number for owed in one.obligations}
        if unknown := sorted(set(c.performed) - known):
            return Refused("UNKNOWN_OBLIGATION", f"{unknown}: not among {sorted(known)}", "performed")
        done = set(one.performed) | set(c.performed)
        left = tuple(owed for owed in one.outstanding if owed.number not in done)
        if c.breached and not left:
            return Refused("ALL_PERFORMED", "everything is performed; there is no breach", "breached")
        terms = state.without(one.clock("visit"))
        if left and not c.breached:
            terms = (*terms, self._agreements.visit(one.number, left, at))
        visited = m.VisitRecorded(
            by=c.actor,
            terms=terms,
            agreement=one.number,
            number=one.visits + 1,
            performed=c.performed,
            breached=c.breached,
            note=c.note,
        )
        if c.breached:
            broken = m.AgreementBreached(
                by=c.actor,
                terms=terms,
                agreement=one.number,
                obligations=tuple(owed.number for owed in left),
                in_petition=one.in_petition,
            )
            return [visited, broken, self._ending.informed(state, terms, at, c.actor, one)]
        if left:
            return [visited]
        performed = m.AgreementPerformed(by=c.actor, terms=terms, agreement=one.number)
        events: list[Event] = [visited, performed]
        if evolve(evolve(state, visited), performed).stage is m.Stage.BREACHED:  # by another of the round
            events.append(self._ending.informed(state, terms, at, c.actor, one))
        return events
