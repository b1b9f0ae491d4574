"""Who is complained of has no part in the petition (R-PET-11, R-LAD-04): where it goes instead."""

from collections.abc import Sequence
from datetime import datetime

from chassis.decider import Decision, Refused
from schemas import petition as p
from schemas.message import Event
from schemas.procedure import HandBack
from schemas.router import Term
from services.petition.domain.desk import Desk
from services.petition.domain.leaving import handed_back
from services.petition.domain.petition import Petition

OUTSIDE_WORDS = (
    "您反映的事项涉及本级全部有权处理单位，依照《信访工作条例》第二十八条回避规定，请向上一级信访部门提出。"
)


class Subjects:
    """Names the units complained of, and moves the petition away from them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def name(self, state: Petition, c: p.NamePetitionSubjects, at: datetime) -> Decision:
        """Further units are complained of. It takes a petition from its unit, and those above from its sight: hence
        the petition office, a unit above or the hotline says so, on the petitioner's word (R-PET-03, R-PET-14)."""
        if no := self._desk.unknown_unit("subjects", *c.subjects):
            return no
        if not self._desk.speaks_of_subjects(c.actor, state.unit):
            reason = "the petition office, the hotline or a unit above says so; who has it objects (XF23)"
            return Refused("NOT_A_SUPERIOR", reason)
        return self.added(state, c.subjects, at, c.reason)

    def added(self, state: Petition, subjects: Sequence[str], at: datetime, reason: str = "") -> list[Event]:
        """What follows when these units, too, are complained of; nothing where all were known."""
        fresh = tuple(unit for unit in subjects if unit not in state.subjects)
        if not fresh:
            return []
        named = (*state.subjects, *fresh)
        moved = self.moved(state, named, state.terms, at, reason)
        return moved or [p.PetitionSubjectsNamed(terms=state.terms, subjects=named, reason=reason)]

    def moved(
        self,
        state: Petition,
        subjects: tuple[str, ...],
        terms: tuple[Term, ...],
        at: datetime,
        reason: str = "",
    ) -> list[Event]:
        """Away from a responsible unit that is interested: to be sorted anew; once there is an opinion, to the unit
        above; out of the jurisdiction where there is none."""
        unit = state.unit or ""
        if not self._desk.interested(unit, subjects):
            return []
        keeper = self._desk.above(unit, subjects) if state.has_opinion else self._desk.keeper(subjects)
        if keeper is None:
            named = p.PetitionSubjectsNamed(terms=terms, subjects=subjects, reason=reason)
            return [named, *self.outside(state.unit)]
        if state.has_opinion:
            return [p.PetitionSubjectsNamed(terms=terms, subjects=subjects, unit=keeper, reason=reason)]
        kept = tuple(term for term in terms if term.name == "urgent")
        register = self._desk.clocks.start("register", "register", at)
        sorted_anew = p.PetitionSubjectsNamed(
            terms=(register, *kept), subjects=subjects, unit=keeper, reason=reason
        )
        return [sorted_anew]

    def outside(self, unit: str | None) -> list[Event]:
        """Nobody of ours may have it: the petitioner is told to go to the superior (XF28)."""
        code = self._desk.offices.superior_exit
        routed = p.PetitionRouted(
            way=p.LegalWay.SUPERIOR, exit=self._desk.exit(code), explanation=OUTSIDE_WORDS
        )
        return [routed, handed_back(unit, HandBack.EXIT, OUTSIDE_WORDS, exit_=code)]
