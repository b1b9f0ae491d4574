"""R-CARD-01: the five colours of a petition, never of a person; the more urgent one wins."""

from datetime import datetime

from services.colours import Colour
from services.petition.domain.clocks import AT_RISK
from services.petition.domain.petition import Petition


def colour(state: Petition, at: datetime) -> Colour | None:
    """The colour at an instant; None once nobody owes anything."""
    if not state.is_open:
        return None
    late_at, yellow_at = plates(state)
    if late_at is not None and late_at <= at:
        return Colour.RED if state.supervised or state.leader else Colour.ORANGE
    if yellow_at is not None and yellow_at <= at:
        return Colour.YELLOW
    return Colour.BLUE if state.coordinated else Colour.GREEN


def plates(state: Petition) -> tuple[datetime | None, datetime | None]:
    """When it becomes overdue, and when 75 % of the time is gone; an extended time counts from its beginning."""
    main = state.main()
    if main is None:
        return None, None
    since = state.accepted_at if main.name == "opinion" and state.accepted_at else main.since
    return main.at, since + (main.at - since) * AT_RISK
