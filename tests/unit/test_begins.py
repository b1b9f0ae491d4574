"""What takes a case up in mediation and petition: those services keep no row of any other."""

import orjson
import pytest

from chassis.calendar import WorkingCalendar
from schemas import router as r
from schemas.envelope import Envelope
from schemas.message import Event
from schemas.petition import PetitionSentToMediation
from services.cli.compare import begins
from services.mediation.domain import may_begin as mediation_may_begin
from services.petition.domain import may_begin as petition_may_begin
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


@pytest.mark.parametrize(("event", "takers"), TOLD, ids=lambda part: getattr(part, "type", ""))
def test_what_begins_something_is_never_passed_over_unread(event: Event, takers: set[str]) -> None:
    """R-LAD-09: the look at the unread text lets all pass that the decider answers, and hardly more."""
    text = orjson.dumps(event.model_dump(mode="json", exclude_none=True))
    spaced = event.model_dump_json(exclude_none=True).replace('":', '": ')  # as PostgreSQL writes jsonb
    for name, look in (("mediation", mediation_may_begin), ("petition", petition_may_begin)):
        for data in (text.decode(), spaced):
            envelope = Envelope("router", CASE, 1, event.type, MONDAY, "case.events", "", data)
            assert look(envelope) is (name in takers)
