"""What must always hold, looked at after every event. The first breach ends the run."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final
from uuid import UUID

from chassis.decider import Input, TimerDue
from schemas import router as r
from schemas.department import DepartmentAssigned, DepartmentAssignmentEnded, DepartmentEvent
from schemas.jurisdiction import Jurisdiction
from schemas.petition import PetitionStatus
from schemas.router import Ground
from services.intake.domain import IntakeState
from services.intake.ledger import Result, result, told
from services.intake.progress import progress
from services.mediation.domain import Mediation
from services.petition.domain import Petition
from services.petition.domain.machine import MOVES
from services.router.domain import WorkOrder
from services.router.domain.workorder import FINAL
from services.router.rates import counted
from tests.rates_kit import recount
from tests.simulation.engine import Case, Record, World
from tests.unit.router_machine import EDGES

NEVER_UP: Final = frozenset(
    {
        Ground.CONSULT_ANSWERED,
        Ground.CALL_COUNT,
        Ground.IDENTITY,
        Ground.FINAL_CASE,
        Ground.DISSATISFIED_LAWFUL,
    }
)
"""R-LAD-06."""


_SAYS_SO: Final = (r.CaseDispatched, r.SettledOnSite, r.ProcedureAdvanced, r.RedoOrdered)
"""Events that are followed at once by what stands on the unit's own topic."""


class Checks:
    """Watches the router's part, and at the end that nothing is missing anywhere."""

    def __init__(self, jurisdiction: Jurisdiction) -> None:
        self._jurisdiction = jurisdiction
        self.made: Counter[str] = Counter()
        self._last: dict[tuple[str, UUID], int] = {}
        self.figures: Counter[tuple[str, str]] = Counter()
        """R-HOT-09, R-KPI-01: by unit and measure, as the events add up."""
        self._recount: Counter[tuple[str, str]] = Counter()
        self._touched: dict[UUID, None] = {}
        """Cases in which something happened since services were last compared."""

    def changed(self, record: Record, before: Any, after: Any) -> None:
        """Check an event and what it did."""
        key = (record.source, record.case_id)
        self._hold("order of events", record.sequence == self._last.get(key, 0) + 1, record)
        self._last[key] = record.sequence
        self._touched[record.case_id] = None
        if isinstance(after, WorkOrder):
            self._edge(record, before, after)
            self._told(record, after)
            self._upward(record, before)
            self._count(record, before, after)

    def _count(self, record: Record, before: WorkOrder, after: WorkOrder) -> None:
        if (found := counted(record.event)) is not None:
            self.figures.update((found[0], measure) for measure in found[1])
        self._recount.update(recount(record.at, before, record.event, after))

    def decided(self, service: str, case_id: UUID, given: Input, before: Any, after: Any) -> None:
        """Check the state after a whole decision."""
        what = (service, case_id, given, after)  # put into words only where something does not hold
        if isinstance(after, WorkOrder):
            self._order(after, what)
        if isinstance(after, Petition):
            by = given.name if isinstance(given, TimerDue) else type(given)
            stays = {before.status: frozenset({before.status})}
            is_move = after.status in MOVES.get(by, stays).get(before.status, ())
            self._hold("moves of a petition (domain.md §4)", is_move, what)

    def _order(self, state: WorkOrder, what: object) -> None:
        self._hold("one unit or one exit", (state.unit is None) != (state.exit is None), what)
        lawful = state.unit is None or not self._interested(state.unit, state.subjects)
        self._hold("no subject is responsible (R-LAD-04)", lawful, what)
        passing = state.status in {r.OrderStatus.ESCALATED, r.OrderStatus.REPLIED}
        self._hold("no rest in passing states", not passing, what)

    def _edge(self, record: Record, before: WorkOrder, after: WorkOrder) -> None:
        is_edge = after.status is before.status or after.status in EDGES[before.status]
        self._hold("edges of the machine (domain.md §4)", is_edge, record)

    def _told(self, record: Record, state: WorkOrder) -> None:
        """R-LAD-04, R-HOT-14, R-PET-10: no word to whom it is about, sealed matter to its one recipient."""
        event = record.event
        if not isinstance(event, DepartmentEvent):
            return
        self._hold("no subject is told (R-HOT-14)", not self._interested(event.unit, state.subjects), record)
        if state.sealed and not isinstance(event, DepartmentAssignmentEnded):
            recipient = state.receiver.unit if state.receiver else state.unit
            wordless = not isinstance(event, DepartmentAssigned) or event.text is event.title is None
            self._hold("sealed matter (R-PET-10)", event.unit == recipient and wordless, record)

    def _upward(self, record: Record, before: WorkOrder) -> None:
        """R-LAD-06, R-LAD-10."""
        event = record.event
        if isinstance(event, r.CaseEscalated):
            is_lawful = event.ground not in NEVER_UP and bool(event.evidence)
            self._hold("ground and evidence (R-LAD-10)", is_lawful, record)
        if isinstance(event, r.CaseDispatched) and before.rung is not None and event.registered is None:
            shown = bool(event.route.ground and event.route.evidence)
            self._hold("ground and evidence (R-LAD-10)", event.rung <= before.rung or shown, record)

    def between(self, world: World) -> None:
        """Router and procedures agree whose duty a case is, whenever nothing is on its way between them."""
        if any(service.inbox for service in world.services.values()):
            return
        for case_id in self._touched:
            order, mediation, petition = (
                world.services[name].cases.get(case_id, Case(None)).state
                for name in ("router", "mediation", "petition")
            )
            self._agree(order, mediation, petition)
        self._touched.clear()

    def _agree(self, order: WorkOrder | None, mediation: Mediation | None, petition: Petition | None) -> None:
        is_mediated = mediation is not None and mediation.is_open and not mediation.handed_back
        is_petition = petition is not None and petition.is_open
        within = mediation is not None and mediation.in_petition
        has_it = order.procedure if order else None
        about = (order, mediation, petition)
        self._hold(
            "the procedure that has it (mediation)",
            (has_it == "mediation") is (is_mediated and not within),
            about,
        )
        self._hold("the procedure that has it (petition)", (has_it == "petition") is is_petition, about)
        part = is_petition and petition is not None and petition.status is PetitionStatus.MEDIATING
        self._hold("mediation within the petition (R-PET-16)", part is (is_mediated and within), about)
        if order is not None and mediation is not None and mediation.stage is not None:
            nothing = mediation.is_sealed and not mediation.terms and not mediation.is_open
            self._hold("sealed everywhere (R-PET-10)", nothing or not order.sealed, about)
        if is_mediated and mediation is not None:
            lawful = not self._interested(mediation.unit, mediation.subjects)
            self._hold("no subject mediates (R-LAD-04)", lawful, about)
        if mediation is not None and petition is not None and petition.status is not None:
            known = set(petition.subjects) <= set(mediation.subjects)
            self._hold("mediation knows the subjects (R-PET-11)", known or mediation.stage is None, about)
        procedure = mediation if has_it == "mediation" else petition
        if has_it is not None and order is not None and procedure is not None:
            self._hold("the same unit on both sides", order.unit == procedure.unit, about)

    def _interested(self, unit: str, subjects: Sequence[str]) -> bool:
        units = self._jurisdiction.units
        return any(s == unit or (s in units and self._jurisdiction.controls(s, unit)) for s in subjects)

    def at_the_end(self, world: World, until: datetime) -> None:
        """Nothing is missing, late or different from its own history."""
        for name, service in world.services.items():
            self._replayed(world, name)
            for case_id, case in service.cases.items():
                late = [t for t in service.decider.due(case.state) if t.at <= until]
                self._hold("no deadline in silence (R-HOT-10)", not late, (name, case_id, late))
                stored = service.decider.load(service.decider.dump(case.state))
                self._hold("states survive storage", stored == case.state, (name, case_id))
        accepted = {case_id for case_id, case in world.services["intake"].cases.items() if case.version}
        for case_id in accepted:
            known = world.services["router"].cases.get(case_id)
            self._hold("no case is lost", known is not None and known.state.status is not None, case_id)
        self.add_up()
        self.both_sides(world, accepted)

    def add_up(self) -> None:
        """R-HOT-09, R-KPI-01: the figures are those of another count."""
        self._hold("figures of units (R-HOT-09, R-KPI-01)", self.figures == self._recount, self.figures)

    def both_sides(self, world: World, accepted: set[UUID]) -> None:
        """R-LEDGER-01, R-HOT-08: resident and unit were told, and told why; and both know what is closed."""
        heard: set[UUID] = set()
        handled: set[UUID] = set()
        results: dict[UUID, Result] = {}
        for record, following in zip_longest(world.log, world.log[1:]):
            case_id, event = record.case_id, record.event
            if record.source != "router":
                continue
            heard |= {case_id} if progress(str, event) else set()
            handled |= {case_id} if told(event) else set()
            if said := result(event):
                results[case_id] = said.after(results.get(case_id))
            if isinstance(event, _SAYS_SO):
                same = following is not None and following.case_id == case_id
                unit = getattr(following.event, "unit", None) if following is not None and same else None
                is_true = isinstance(following and following.event, DepartmentEvent) and unit == event.unit
                self._hold("whom the stream says it told, was told (R-LEDGER-01)", is_true, record)
        for case_id in accepted:
            found = results.get(case_id)
            self._hold("the resident heard (R-LEDGER-01)", case_id in heard, case_id)
            is_away = found is not None and found.kind == "redirected"
            self._hold("a unit was told (R-LEDGER-01)", case_id in handled or is_away, case_id)
            explained = found is None or found.solved is not False or bool(found.explanation)
            self._hold("unsolved is explained (R-LEDGER-01)", explained, (case_id, found))
            intake, order = (world.services[name].cases[case_id].state for name in ("intake", "router"))
            assert isinstance(intake, IntakeState)
            agreed = intake.closed is (order.status in FINAL) and not intake.reopening
            self._hold("closed on both sides, or open (R-HOT-08)", agreed, (case_id, intake, order))

    def _replayed(self, world: World, name: str) -> None:
        """The log alone gives every state again: what is lost can be rebuilt from it."""
        service = world.services[name]
        again = {case_id: service.decider.initial(case_id) for case_id in service.cases}
        for record in world.log:
            if record.source == name:
                again[record.case_id] = service.decider.evolve(again[record.case_id], record.event)
        for case_id, case in service.cases.items():
            self._hold("the log gives the state again", again[case_id] == case.state, (name, case_id))

    def _hold(self, what: str, holds: bool, about: object) -> None:
        self.made[what] += 1
        assert holds, f"{what}: {about}"
