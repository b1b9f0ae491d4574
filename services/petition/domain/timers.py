"""What a clock that ran out brings about: a reminder, then supervision again and again - or the end of a right."""

from datetime import datetime
from typing import Final

from chassis.decider import TimerDue
from schemas import petition as p
from schemas.message import Event
from services.petition.domain.desk import Desk
from services.petition.domain.opinions import Opinions
from services.petition.domain.petition import Petition, supervision

_SUPERVISED: Final = supervision("")


class Timers:
    """R-PET-14, R-PET-09, R-CARD-01. Each answer clears its clock, or puts it off."""

    def __init__(self, desk: Desk, opinions: Opinions) -> None:
        self._desk, self._opinions = desk, opinions

    def fired(self, state: Petition, timer: TimerDue, at: datetime) -> list[Event]:
        """Answer a due timer; one that is not due in this state, with nothing."""
        due = next((term for term in state.running() if term.name == timer.name and term.at <= at), None)
        if due is None:
            return []
        if due.provisional and (moved := self._moved(state, timer.name, at)):
            return moved
        if timer.name == "mark":
            return self._at_risk(state)
        if timer.name == "review_apply":
            return self._opinions.window_closed(state, at)
        if timer.name.endswith(_SUPERVISED):
            return self._supervised(state, timer.name.removesuffix(_SUPERVISED), at)
        return self._late(state, timer.name, at)

    def _moved(self, state: Petition, name: str, at: datetime) -> list[Event]:
        """domain.md §6: a provisional time that the schedule published since then puts off does not run out."""
        terms, changed = self._desk.clocks.recomputed(state)
        is_put_off = any(term.name == name and term.at > at for term in terms)
        return [p.PetitionDeadlinesRecomputed(terms=terms, changed=changed)] if is_put_off else []

    def _at_risk(self, state: Petition) -> list[Event]:
        main = state.main()
        terms = state.without("mark")
        due = main.at if main else next(term.at for term in state.terms if term.name == "mark")
        return [p.PetitionAtRisk(terms=terms, unit=state.unit or "", due=due)]

    def _late(self, state: Petition, name: str, at: datetime) -> list[Event]:
        """First delay: remind, same owner; the clock that ran out stays visible."""
        terms = (*state.terms, self._desk.clocks.supervise(name, at))
        return [p.PetitionReminded(terms=terms, unit=self._answers_for(state, name), term=name)]

    def _supervised(self, state: Petition, name: str, at: datetime) -> list[Event]:
        """督办: delay, or a supported opinion that is not carried out (XF40)."""
        own = supervision(name)
        others = tuple(term for term in state.terms if term.name != own)
        grounds = p.SupervisionGround
        supervised = p.PetitionSupervised(
            terms=(*others, self._desk.clocks.supervise(name, at)),
            unit=self._answers_for(state, name),
            ground=grounds.NOT_EXECUTED if name == "execute" else grounds.DELAY,
            term=name,
        )
        return [supervised]

    def _answers_for(self, state: Petition, name: str) -> str:
        """Whose clock it is: the sender's, to consent; the handler's, to report; else the responsible unit's."""
        whose = {"consent": state.sender, "report": state.handler}.get(name)
        return whose or state.unit or ""
