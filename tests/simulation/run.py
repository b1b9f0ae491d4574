"""A year in the life of a district, from a seed: who lives in it, what goes wrong, and what came of it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

from chassis.calendar import SHANGHAI, WorkingCalendar
from chassis.decider import Decider
from reference.load import load
from reference.matcher import Matcher
from reference.mediation import load_mediation
from schemas.jurisdiction import Jurisdiction
from services.intake.domain import Intake
from services.mediation.domain import MediationDecider
from services.petition.domain import PetitionDecider
from services.petition.settings import load_offices
from services.router.domain import Router
from services.router.policy.loader import load_policy
from tests.simulation.checks import Checks
from tests.simulation.engine import Service, World
from tests.simulation.mediators import MediationStaff
from tests.simulation.officers import PetitionStaff
from tests.simulation.residents import Residents, Step
from tests.simulation.staff import Office, RouterStaff, Staff

FOLDER: Final = Path(__file__).parents[2] / "reference" / "gulou"
START: Final = datetime(2026, 1, 1, tzinfo=SHANGHAI)
Dice = dict[tuple[str, UUID], Random]
"""Chance for each service and case of its own, so that what happens to one disturbs no other."""
_RETRY: Final = timedelta(hours=20)
_STUBBORN: Final = 5
"""How often somebody tries again, in another way, what was refused."""


@dataclass
class Run:
    """A finished simulation."""

    days: int
    cases: int
    seed: int
    world: World
    checks: Checks
    refusals: Counter[str] = field(default_factory=Counter)


def deciders(jurisdiction: Jurisdiction, calendar: WorkingCalendar) -> list[Decider[Any]]:
    """All services, as they are put together for real."""
    return [
        Intake(),
        Router(jurisdiction, load_policy(FOLDER / "policy", jurisdiction), Matcher(jurisdiction), calendar),
        MediationDecider(jurisdiction, load_mediation(FOLDER, jurisdiction), calendar),
        PetitionDecider(jurisdiction, load_offices(FOLDER, jurisdiction), calendar),
    ]


def simulate(days: int, cases: int, seed: int) -> Run:
    """Live through `days` days of `cases` cases. Raises AssertionError where something did not hold."""
    jurisdiction = load(FOLDER)
    calendar = WorkingCalendar(jurisdiction.calendar)
    office = Office(calendar)
    staff: dict[str, Staff] = {
        "router": RouterStaff(jurisdiction, office),
        "mediation": MediationStaff(jurisdiction, load_mediation(FOLDER, jurisdiction), office),
        "petition": PetitionStaff(jurisdiction, office),
    }
    chance = Random(f"outages {seed}")
    services = {d.name: Service(d, _outages(days, chance)) for d in deciders(jurisdiction, calendar)}
    checks = Checks(jurisdiction)
    world = World(services, START, Random(f"stream {seed}"), checks)
    run = Run(days, cases, seed, world, checks)
    world.on_change = partial(_replan, run, staff, {})
    for step in Residents(jurisdiction, FOLDER).lives(cases, START, days, Random(f"residents {seed}")):
        _send(run, step)
    until = START + timedelta(days=days)
    for day in range(days):
        world.plan(START + timedelta(days=day, hours=23), lambda: checks.between(world))
    world.run(until)
    world.settle()
    checks.between(world)
    checks.at_the_end(world, until)
    return run


def _outages(days: int, chance: Random) -> list[tuple[datetime, datetime]]:
    """Some hours to some days without a service, about four times a year."""
    begins = sorted(chance.uniform(0, days) for _ in range(max(1, days // 90)))
    return [
        (START + timedelta(days=begin), START + timedelta(days=begin, hours=chance.uniform(1, 80)))
        for begin in begins
    ]


def _send(run: Run, step: Step) -> None:
    """Send a command at its time, or once its service is up again."""
    world = run.world

    def act() -> None:
        up = world.services[step.service].up_from(world.now)
        if up > world.now:
            world.plan(up, act)
        elif refused := world.command(step.service, step.case_id, step.command):
            run.refusals[f"{step.service} {refused.code}"] += 1

    world.plan(step.at, act)


def _replan(run: Run, staff: dict[str, Staff], dice: Dice, service: str, case_id: UUID) -> None:
    """The case has changed, or refused what was tried: whoever acts on it thinks again."""
    if service not in staff:
        return
    world = run.world
    case = world.services[service].case(case_id)
    rng = dice.setdefault((service, case_id), Random(f"{run.seed} {service} {case_id}"))
    planned = staff[service].plan(case.state, world.now, rng)
    if planned is None:
        return
    version = case.version

    def act() -> None:
        assert planned is not None
        if case.version != version:
            return
        up = world.services[planned.service].up_from(world.now)
        if up > world.now:
            world.plan(up, act)
        elif refused := world.command(planned.service, case_id, planned.command):
            run.refusals[f"{planned.service} {refused.code}"] += 1
            if case.refused < _STUBBORN:
                world.plan(world.now + _RETRY, again)

    def again() -> None:
        if case.version == version:
            _replan(run, staff, dice, service, case_id)

    world.plan(planned.at, act)
