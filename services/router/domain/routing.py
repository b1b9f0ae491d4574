"""From a fresh or re-opened case to its unit or its named exit (R-HOT-02…04, R-GRD-01, R-PET-06, R-LAD-01…05)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from schemas.department import AssignmentRole, HandlingMode
from schemas.jurisdiction import CommunityDuty, Rung, UnitKind
from schemas.message import Actor, Event
from schemas.procedure import ProcedureName
from schemas.router import (
    CallbackOpened,
    CaseAnswered,
    CaseDispatched,
    CaseRedirected,
    Entry,
    Fired,
    Ground,
    Judged,
    Judgement,
    Registration,
    Route,
    SeatGiven,
    Skip,
    Term,
    TriagedBy,
)
from schemas.values import Evidence
from services.router.domain.assignments import Texts, assigned
from services.router.domain.case import Desk
from services.router.domain.ladder import Placement
from services.router.domain.workorder import WorkOrder, judged_anew
from services.terms import day_of

AREA_ONLY: Final = Fired(table="ladder", row="area-only", source="R-HOT-04: BJ12(2)")
RESIDENTS_CHOICE: Final = Fired(table="ladder", row="residents-choice", source="R-LAD-09: XF17")
UNIT_BY_LAW: Final = Fired(table="procedure", row="names-the-unit", source="R-MED-02, R-PET-01, R-PET-09")
TIME_BY_LAW: Final = Fired(table="procedure", row="sets-the-time", source="R-MED-06, R-PET-03, R-PET-07")
ALL_SKIPPED: Final = Fired(table="ladder", row="no-lawful-rung", source="R-LAD-04: XF24, XF28")


class Why(NamedTuple):
    """What brought a dispatch about, for its route."""

    rows: tuple[Fired, ...] = ()
    entry: Entry | None = None
    skipped: tuple[Skip, ...] = ()
    ground: Ground | None = None
    evidence: tuple[Evidence, ...] = ()
    open_exits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InProcedure:
    """The procedure that names the unit, and its clocks; whoever works along in it is its own business."""

    name: ProcedureName
    clocks: tuple[Term, ...]


class Terms(NamedTuple):
    """How a dispatch differs from the plain one."""

    locked: bool = False
    leader_until: datetime | None = None
    """R-MODE-01 批办: the leader's own deadline."""
    instructed: bool = False
    """The leader's instruction stands, also where that deadline is over."""
    first: Registration | None = None
    texts: Texts | None = None
    by: Actor | None = None
    parties: tuple[str, ...] | None = None
    subjects: tuple[str, ...] | None = None
    procedure: InProcedure | None = None
    given_back: bool = False
    """The procedure of its track is over, and does not begin anew."""


PLAIN: Final = Terms()


class Routing:
    """Builds the events that give a case to a unit or to a named exit."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def by_ladder(self, case: WorkOrder, why: Why, terms: Terms, at: datetime) -> list[Event]:
        """To the lowest competent unit; the superior petition authority where no rung is lawful (R-LAD-04)."""
        desk, ladder = self._desk, self._desk.ladder
        place = case.place or ladder.district
        if case.matter is None:
            from_rung, rows = int(Rung.DISTRICT), (*why.rows, AREA_ONLY)
            why = why._replace(rows=rows)
        else:
            from_rung, entry, row = ladder.entry(case.matter, place, case.parties, case.households)
            own = desk.jurisdiction.matters[case.matter].legal_exit
            why = why._replace(rows=(*why.rows, row), entry=entry, open_exits=(own,) if own else ())
        if case.track == "P" and not self._is_petition(case.matter):
            unit = desk.policy.settings.units.petition
            return self.to_petition_office(case, unit, why, terms, at)
        if why.entry is not None and (above := ladder.above_building(place, case.parties, why.entry)):
            why = why._replace(skipped=(*why.skipped, *above))
        placement = ladder.place(case.matter, place, case.subjects, from_rung, day_of(at))
        return self.to_placement(case, placement, why, terms, at)

    def _is_petition(self, matter: str | None) -> bool:
        return matter is not None and self._desk.jurisdiction.matters[matter].track == "P"

    def to_petition_office(
        self, case: WorkOrder, unit: str, why: Why, terms: Terms, at: datetime
    ) -> list[Event]:
        """R-LAD-09: the resident entered the petition track; the choice itself is ground and evidence."""
        evidence = Evidence(kind="resident_choice", reference=str(case.case_id))
        why = why._replace(
            rows=(*why.rows, RESIDENTS_CHOICE), ground=Ground.RESIDENT_CHOICE, evidence=(evidence,)
        )
        if self._desk.ladder.interested(unit, case.subjects):
            skip = Skip(rung=int(Rung.DISTRICT), unit=unit, rule="R-LAD-04", reason="信访机构应当回避")
            why = why._replace(skipped=(*why.skipped, skip))
            return self.to_placement(case, Placement(None, int(Rung.DISTRICT)), why, terms, at)
        return self.dispatch(case, unit, int(Rung.DISTRICT), why, terms, at)

    def to_placement(
        self, case: WorkOrder, placement: Placement, why: Why, terms: Terms, at: datetime
    ) -> list[Event]:
        """To the unit that the ladder found, or out by the exit for cases that no rung may have.

        Nor may a rung have it where hotline and district are interested: nobody could review, call back, supervise.
        """
        if placement.rows or placement.skipped:
            why = why._replace(rows=(*why.rows, *placement.rows), skipped=(*why.skipped, *placement.skipped))
        subjects = case.subjects if terms.subjects is None else terms.subjects
        if placement.unit is None or self._desk.keeper(subjects) is None:
            why = why._replace(rows=(*why.rows, ALL_SKIPPED))
            return self.redirect(case, self._desk.policy.settings.exits.skipped, why, terms, at)
        return self.dispatch(case, placement.unit, placement.rung, why, terms, at, placement.successor_of)

    def dispatch(
        self,
        case: WorkOrder,
        unit: str,
        rung: int,
        why: Why,
        terms: Terms,
        at: datetime,
        successor_of: str | None = None,
    ) -> list[Event]:
        """`CaseDispatched`, and an assignment for the lead, each helper and the copied district."""
        number = case.issued + 1
        mode, helping, row = self._mode(case, unit, rung, terms)
        if terms.instructed or terms.leader_until is not None:
            mode = HandlingMode.INSTRUCTED
        clocks, term_row = self._clocks(case, terms, at)
        helpers = tuple(SeatGiven(unit=code, number=number + i) for i, code in enumerate(helping, 1))
        copied = self._copied(case, unit)
        copies = tuple(
            SeatGiven(unit=code, number=number + len(helpers) + i) for i, code in enumerate(copied, 1)
        )
        dispatched = CaseDispatched(
            by=terms.by,
            terms=clocks,
            route=self.route(why, (row, term_row), successor_of),
            registered=terms.first,
            unit=unit,
            number=number,
            rung=rung,
            mode=mode,
            locked=terms.locked,
            matter=case.matter,
            track=case.track,
            urgency=case.urgency,
            helpers=helpers,
            copies=copies,
            parties=terms.parties,
            subjects=terms.subjects,
            procedure=terms.procedure.name if terms.procedure else None,
            given_back=terms.given_back,
            waits=self._desk.department_that_waits(case, unit, rung),
        )
        told = [(unit, number, AssignmentRole.LEAD)]
        told += [(seat.unit, seat.number, AssignmentRole.HELPER) for seat in helpers]
        told += [(seat.unit, seat.number, AssignmentRole.COPY) for seat in copies]
        return [
            dispatched,
            *[
                assigned(
                    case,
                    to,
                    n,
                    role,
                    lead=unit,
                    mode=mode,
                    texts=terms.texts,
                    locked=terms.locked,
                    terms=clocks,
                )
                for to, n, role in told
            ],
        ]

    def route(self, why: Why, rows: tuple[Fired, ...] = (), successor_of: str | None = None) -> Route:
        """The explanation that an event carries."""
        bare = self._desk.bare_route
        return Route(
            policy=bare.policy,
            jurisdiction=bare.jurisdiction,
            rows=(*why.rows, *rows),
            open_exits=why.open_exits,
            entry=why.entry,
            skipped=why.skipped,
            ground=why.ground,
            evidence=why.evidence,
            successor_of=successor_of,
        )

    def _mode(
        self, case: WorkOrder, unit: str, rung: int, terms: Terms
    ) -> tuple[HandlingMode, list[str], Fired]:
        """R-MODE-01, R-COM-01: the mode and who helps; nobody interested, and nobody twice.

        R-LAD-07: while a department waits for the mediation, so do those that help it.
        """
        if terms.procedure is not None:
            return HandlingMode.TRANSFER, [], UNIT_BY_LAW
        matters = self._desk.jurisdiction.matters
        matter = matters[case.matter] if case.matter else None
        duty = matter.community_duty if matter else CommunityDuty.NONE
        waits = self._desk.department_that_waits(case, unit, rung)
        helpers = matter.helpers if matter and not waits else ()
        row = self._desk.policy.modes.decide(str(rung), duty, "some" if helpers else "none")
        helping = list(helpers) if row.then["departments"] == "yes" else []
        if row.then["community"] == "yes" and (community := self._community(case.place)):
            helping.append(community)
        current = dict.fromkeys(self._desk.jurisdiction.current(code) for code in helping)
        lawful = [c for c in current if c != unit and not self._desk.ladder.interested(c, case.subjects)]
        mode = HandlingMode(row.then["mode"])
        if mode is HandlingMode.JOINT and not lawful:
            mode = HandlingMode.TRANSFER
        return mode, lawful, row.fired

    def _community(self, place: str | None) -> str | None:
        """The community of a place, where it is known that precisely."""
        if place is None:
            return None
        unit = self._desk.jurisdiction.territorial(place, Rung.COMMUNITY)
        return unit if self._desk.jurisdiction.units[unit].kind is UnitKind.COMMUNITY else None

    def _clocks(self, case: WorkOrder, terms: Terms, at: datetime) -> tuple[tuple[Term, ...], Fired]:
        if terms.procedure is not None:
            return terms.procedure.clocks, TIME_BY_LAW
        clocks = self._desk.clocks
        row = self._desk.policy.terms.decide(case.kind, str(case.urgency))
        then = row.then
        if terms.leader_until is None:
            may_object = None if terms.locked else then["object"]
            return clocks.order(then["handle"], then["sign"], may_object, at), row.fired
        handle = clocks.stated("handle", "instruction", at, terms.leader_until)
        return (clocks.start("sign", then["sign"], at), handle, clocks.mark(handle)), row.fired

    def _copied(self, case: WorkOrder, unit: str) -> tuple[str, ...]:
        """R-HOT-04: a street's case is copied to the district, unless that is interested."""
        district = self._desk.ladder.district
        if self._desk.jurisdiction.units[unit].kind is not UnitKind.STREET:
            return ()
        return () if case.subjects and self._desk.ladder.interested(district, case.subjects) else (district,)

    def redirect(self, case: WorkOrder, code: str, why: Why, terms: Terms, at: datetime) -> list[Event]:
        """R-PET-06: out by a named exit. Its authority gets the case, where it is one of our units (R-PET-10).

        An authority complained of is not named: its superior receives what takes this way (R-LAD-04). By the exit
        of accusation material it goes sealed: whoever had the case sees no more of it.
        """
        if code in self._desk.sealed_exits and not case.sealed:
            terms = terms._replace(first=_sealed(case, terms.first))
            case = case.model_copy(update={"sealed": True})
        named = self._desk.exit(code)
        authority = named.authority
        if authority and self._desk.ladder.interested(authority, case.subjects):
            reason = "该机关是被反映单位或受其管辖，应当回避，由其上级机关受理"
            skip = Skip(rung=int(Rung.DISTRICT), unit=authority, rule="R-LAD-04", reason=reason)
            why = why._replace(skipped=(*why.skipped, skip))
            authority, named = None, named.model_copy(update={"authority": None})
        number = case.issued + 1 if authority else None
        left = CaseRedirected(
            by=terms.by,
            terms=(self._desk.clocks.wait("archive", at),),
            route=self.route(why),
            registered=terms.first,
            exit=named,
            assignment=number,
            parties=terms.parties,
            subjects=terms.subjects,
        )
        if authority is None or number is None:
            return [left]
        exit_ = AssignmentRole.EXIT
        return [left, assigned(case, authority, number, exit_, lead=None, mode=HandlingMode.TRANSFER)]

    def answer(
        self, case: WorkOrder, judged: Judged, words: str, why: Why, terms: Terms, at: datetime
    ) -> Sequence[Event]:
        """R-HOT-02, R-HOT-03: answered or explained at once by whoever keeps the case."""
        keeper = self._desk.keeper(case.subjects)
        if keeper is None:
            return self.to_placement(case, Placement(None, int(Rung.DISTRICT)), why, terms, at)
        return [
            CaseAnswered(
                by=terms.by,
                terms=(self._desk.clocks.wait("archive", at),),
                route=self.route(why),
                registered=terms.first,
                unit=keeper,
                judged=judged,
                answer=words,
            )
        ]

    def callback(self, reason: str, at: datetime, *kept: Term) -> CallbackOpened:
        """Open the callback; `kept` clocks run on."""
        terms = (*kept, self._desk.clocks.wait("callback", at))
        return CallbackOpened.model_validate({"reason": reason, "terms": terms})


def _sealed(case: WorkOrder, first: Registration | None) -> Registration:
    """What is known of the case, to be sealed (R-PET-10)."""
    if first is not None:
        return first.model_copy(update={"sealed": True})
    known = Judgement(by=TriagedBy.HUMAN, matter=case.matter, track=case.track, urgency=case.urgency)
    return judged_anew(case, known, sealed=True, urgency_stated=case.urgency_stated)
