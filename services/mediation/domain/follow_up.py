"""回访: is what was agreed performed? If not, the parties learn the legal ways (R-MED-08)."""

from datetime import datetime

from chassis.decider import Decision, Refused
from schemas import mediation as m
from schemas.message import Event
from services.mediation.domain.agreement import Agreements
from services.mediation.domain.desk import Desk
from services.mediation.domain.ending import Ending
from services.mediation.domain.state import Mediation


class FollowUp:
    """Visits until the agreement is performed or broken."""

    def __init__(self, desk: Desk, agreements: Agreements, ending: Ending) -> None:
        self._desk, self._agreements, self._ending = desk, agreements, ending

    def record(self, state: Mediation, c: m.RecordVisit, at: datetime) -> Decision:
        """All performed: done. A breach: the notice. Otherwise the next visit."""
        known = {one.number for one in state.obligations}
        if unknown := sorted(set(c.performed) - known):
            return Refused("UNKNOWN_OBLIGATION", f"{unknown}: not among {sorted(known)}", "performed")
        done = set(state.performed) | set(c.performed)
        left = tuple(one for one in state.outstanding if one.number not in done)
        if c.breached and not left:
            return Refused("ALL_PERFORMED", "everything is performed; there is no breach", "breached")
        terms = state.without("visit")
        if left and not c.breached:
            terms = (*terms, self._agreements.visit(left, at))
        visited = m.VisitRecorded(
            by=c.actor,
            terms=terms,
            number=state.visits + 1,
            performed=c.performed,
            breached=c.breached,
            note=c.note,
        )
        if not left:
            return [visited, m.AgreementPerformed(by=c.actor, terms=terms)]
        if not c.breached:
            return [visited]
        numbers = tuple(one.number for one in left)
        broken: list[Event] = [visited, m.AgreementBreached(by=c.actor, terms=terms, obligations=numbers)]
        return [*broken, self._ending.informed(state, terms, at, c.actor, with_agreement=True)]
