"""What a procedure (mediation, petition) tells the router: whose duty a case is, until when, and how it came back.

The router keeps the one responsible unit or the one named exit of every case. While a case is in a procedure, the
procedure decides both; it says so by one of these two events, each service under a type of its own.
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from schemas.message import Actor, Event, Instant
from schemas.values import Evidence

ProcedureName = Literal["mediation", "petition"]
"""A procedure by the name of its service."""


class HandBack(StrEnum):
    """How a procedure gave a case back."""

    SETTLED = "settled"
    """An agreement, or an opinion carried out: the resident is called back, and the case closed."""
    FAILED = "failed"
    """Without a result; `routes` stand open (R-MED-10). With `asks_higher` the case climbs (R-LAD-02)."""
    EXIT = "exit"
    """To the statutory procedure `exit` (R-PET-06)."""
    ENDED = "ended"
    """Over by law: lapsed, final after three levels, not accepted (R-PET-09). Closed without a callback."""


class ProcedureEvent(Event):
    """The base of what both procedures publish."""

    by: Actor | None = None
    """The member of staff whose command it was; None for the rules themselves or a clock."""


class DutyMoved(ProcedureEvent):
    """From here on `unit` is the responsible unit, in the state `stage`, until `due` by the rule `rule`."""

    unit: str
    stage: str
    due: Instant | None = None
    """None where nothing is due of the unit (it waits for a party or an outsider)."""
    rule: str | None = None
    """Name in deadlines.yaml."""
    subjects: tuple[str, ...] = ()
    """Units complained of that became known in the procedure, or were known before (R-LAD-04, R-PET-11)."""
    told: str = Field(default="", max_length=2100)
    """What the resident is told of this step, beside the stage: why it takes longer, what was decided."""


class HandedBack(ProcedureEvent):
    """The procedure is over for the router; `explanation` is what the resident is told."""

    result: HandBack
    unit: str
    """The unit that answers for the result."""
    explanation: str = Field(min_length=2, max_length=2000)
    routes: tuple[str, ...] = ()
    """Codes of the legal exits that stand open (R-MED-05, R-MED-10)."""
    exit: str | None = None
    """Code of the legal exit that was taken, for `exit`."""
    asks_higher: bool = False
    """The parties ask for the next rung; `evidence` holds the records (R-LAD-02, R-LAD-10)."""
    evidence: tuple[Evidence, ...] = ()
    review_offered: bool = False
    """The resident was told of review or another lawful way (R-LAD-06)."""
    subjects: tuple[str, ...] = ()
    """Units complained of, as far as the procedure knows (R-LAD-04, R-PET-11)."""
