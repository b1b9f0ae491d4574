"""Where a registered petition goes: to a competent unit, another procedure, the discipline body, or nowhere."""

from datetime import datetime
from typing import Final

from chassis.decider import Decision, Refused
from schemas import petition as p
from schemas.jurisdiction import UnitKind
from schemas.procedure import HandBack
from schemas.router import Term
from services.petition.domain.desk import Desk
from services.petition.domain.leaving import handed_back
from services.petition.domain.petition import Petition

SEALED_WORDS: Final = "您反映的事项属于纪检监察机关受理范围，已依照《信访工作条例》第二十二条、第三十条转送。"
_NO_AUTHORITY: Final = frozenset({UnitKind.GRID, UnitKind.BUILDING_GROUP})
_KEPT: Final = ("urgent",)
"""The clock that no forwarding stops."""


class Sorting:
    """R-PET-01, R-PET-02, R-PET-04, R-PET-06, R-PET-10."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def forward(self, state: Petition, c: p.ForwardPetition, at: datetime) -> Decision:
        """转送."""
        return self._send(state, c, at, None)

    def assign(self, state: Petition, c: p.AssignPetition, at: datetime) -> Decision:
        """交办: with a time by which the unit reports its completion."""
        if c.report_by <= at:
            return Refused("IN_THE_PAST", "the completion report is due in the future", "report_by")
        return self._send(state, c, at, c.report_by)

    def _send(
        self,
        state: Petition,
        c: p.ForwardPetition | p.AssignPetition,
        at: datetime,
        report_by: datetime | None,
    ) -> Decision:
        if no := self._desk.unknown_unit("unit", c.unit):
            return no
        unit = self._desk.jurisdiction.current(c.unit)
        if self._desk.interested(unit, state.subjects):
            return Refused("INTERESTED", f"{unit} is complained of, or stands under who is (XF28)", "unit")
        if unit == self._desk.offices.discipline:
            return Refused(
                "SEAL_IT", "what the discipline body handles is sealed to it (XF22); use sealing", "unit"
            )
        if self._desk.jurisdiction.units[unit].kind in _NO_AUTHORITY:
            return Refused(
                "NOT_COMPETENT", f"{unit} is part of a community, no unit with authority (XF22)", "unit"
            )
        if unit == state.unit:
            return Refused("SAME_UNIT", f"{unit} has it already; it accepts the petition itself", "unit")
        if not self._desk.sends_to(state.unit or "", unit):
            reason = f"{state.unit} sends petitions to units below it only (XF23); else say where to go"
            return Refused("NOT_BELOW", reason, "unit")
        report = () if report_by is None else (self._desk.clocks.stated("report", at, report_by),)
        terms = (*self.arrival(at, simple=c.simple, may_object=True), *report, *state.only(*_KEPT))
        sent = p.PetitionForwarded(
            terms=terms,
            sender=state.unit or "",
            unit=unit,
            reason=c.reason,
            assigned=report_by is not None,
            simple=c.simple,
            successor_of=c.unit if unit != c.unit else None,
        )
        return [sent]

    def arrival(self, at: datetime, *, simple: bool, may_object: bool) -> tuple[Term, ...]:
        """The clocks of a unit that was sent it: to notify the petitioner, and to object (R-PET-03, R-PET-17)."""
        notice = self._desk.clocks.start("notice", "simple-accept" if simple else "notice", at)
        return (notice, self._desk.clocks.start("object", "object", at)) if may_object else (notice,)

    def route(self, state: Petition, c: p.RoutePetition, _: datetime) -> Decision:
        """诉访分离: by a named legal exit, explained (R-PET-06)."""
        allowed = self._desk.offices.ways[c.way]
        if c.exit not in allowed:
            ways = ", ".join(allowed) or "none in this jurisdiction"
            return Refused("WRONG_EXIT", f"the legal exits of {c.way} are: {ways}", "exit")
        if c.exit == self._desk.offices.discipline_exit:
            return self._to_discipline(state, ())
        routed = p.PetitionRouted(way=c.way, exit=self._desk.exit(c.exit), explanation=c.explanation)
        return [routed, handed_back(state.unit, HandBack.EXIT, c.explanation, exit_=c.exit)]

    def seal(self, state: Petition, c: p.SealPetition, _: datetime) -> Decision:
        """R-PET-10: to the discipline body alone, at any time: by who has it or a unit above, by the petition
        office, the hotline or the district."""
        desk = self._desk
        if not (desk.acts_for(c.actor, state.unit) or desk.speaks_of_subjects(c.actor, state.unit)):
            reason = f"only {state.unit}, a unit above it, the petition office or the hotline may do this"
            return Refused("NOT_RESPONSIBLE", reason)
        return self._desk.unknown_unit("subjects", *c.subjects) or self._to_discipline(state, c.subjects)

    def _to_discipline(self, state: Petition, subjects: tuple[str, ...]) -> Decision:
        offices = self._desk.offices
        named = (*state.subjects, *(unit for unit in subjects if unit not in state.subjects))
        if self._desk.interested(offices.discipline, named):
            return Refused(
                "INTERESTED",
                "the discipline body itself is complained of; route it to the superior",
                "subjects",
            )
        sealed = p.PetitionSealed(unit=offices.discipline, subjects=named)
        back = handed_back(state.unit, HandBack.EXIT, SEALED_WORDS, exit_=offices.discipline_exit)
        return [sealed, back]

    def decline(self, state: Petition, c: p.DeclinePetition, _: datetime) -> Decision:
        """R-PET-02: not the remit of this unit or of those below it; the petitioner is told where to go."""
        words = f"{c.explanation} 请向{c.go_to}提出。"
        declined = p.PetitionDeclined(ground=p.NotAccepted.NOT_OURS, explanation=c.explanation, go_to=c.go_to)
        return [declined, handed_back(state.unit, HandBack.ENDED, words)]

    def dispute(self, state: Petition, c: p.DecidePetitionDispute, at: datetime) -> Decision:
        """R-PET-04: the common superior names the unit; without one, the joint conference of the jurisdiction."""
        if no := self._desk.unknown_unit("units", *c.units) or self._desk.unknown_unit("unit", c.unit):
            return no
        if c.unit not in c.units:
            return Refused("NOT_A_PARTY", "the unit that accepts is one of those that disagree", "unit")
        if state.unit not in c.units and state.unit != self._desk.offices.office:
            return Refused("NOT_A_PARTY", f"{state.unit} has it, and is one of those that disagree", "units")
        unit = self._desk.jurisdiction.current(c.unit)
        if self._desk.interested(unit, state.subjects):
            return Refused("INTERESTED", f"{unit} is complained of, or stands under who is (XF28)", "unit")
        superior = self._desk.common_superior(c.units)
        decider = superior or self._desk.jurisdiction.code
        if not self._desk.acts_for(c.actor, decider):
            whose = "their common superior" if superior else "the joint conference 联席会议, convened by"
            return Refused("NOT_THE_SUPERIOR", f"the dispute is decided by {whose} {decider}")
        decided = p.PetitionDisputeDecided(
            terms=(*self.arrival(at, simple=False, may_object=False), *state.only("report", *_KEPT)),
            units=c.units,
            unit=unit,
            decided_by=decider,
            conference=superior is None,
            reason=c.reason,
        )
        return [decided]
