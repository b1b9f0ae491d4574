"""R-CARD-01: the five colours of a case, never of a person."""

from enum import StrEnum


class Colour(StrEnum):
    """Five colours, the more urgent one wins."""

    GREEN = "green"
    """On time."""
    BLUE = "blue"
    """Coordinated: helpers work along."""
    YELLOW = "yellow"
    """75 % of the time is gone."""
    ORANGE = "orange"
    """Overdue."""
    RED = "red"
    """Overdue and supervised or leader-owned."""
