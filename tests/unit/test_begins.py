"""What takes a case up in mediation and petition: those services keep no row of any other."""

import pytest

from chassis.calendar import WorkingCalendar
from schemas import router as r
from schemas.message import Event
from schemas.petition import PetitionSentToMediation
from services.cli.compare import begins
from tests.simulation.run import deciders
from tests.unit.router_kit import CASE, MONDAY, OPERATOR, gulou, open_case
from tests.unit.test_router_ladder import handled


def chosen() -> Event:
    case = handled("order.garbage")
    case.give(r.ChooseTrack(actor=OPERATOR, track="M"))
    return case.last(r.TrackChosen)


TOLD: list[tuple[Event, set[str]]] = [
    (open_case("order.garbage").events[0], set()),
    (open_case("property.leak").events[0], {"mediation"}),
    (open_case("land.title").events[0], {"petition"}),
    (chosen(), {"mediation"}),
    (PetitionSentToMediation(unit="GL01"), {"mediation"}),
    (r.CaseClosed(outcome=r.Outcome.WITHDRAWN), set()),
]


@pytest.mark.parametrize(("event", "takers"), TOLD, ids=lambda part: getattr(part, "type", ""))
def test_only_what_a_service_takes_up_is_answered(event: Event, takers: set[str]) -> None:
    """R-LAD-09: `log compare` and the decider agree which events begin something."""
    for decider in deciders(gulou(), WorkingCalendar(gulou().calendar))[2:]:
        answer = decider.decide(decider.initial(CASE), event, MONDAY)
        takes_up = begins(decider.name)
        assert takes_up is not None
        if event.type in decider.consumes:
            assert bool(answer) is takes_up(event.type, event.model_dump_json())
            assert bool(answer) is (decider.name in takers)
