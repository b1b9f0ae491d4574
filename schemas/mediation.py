"""Events and commands of mediation (domain.md §2, §4)."""

from typing import ClassVar, Final

from schemas.message import Command, Event
from schemas.procedure import DutyMoved, HandedBack


class MediationDutyMoved(DutyMoved):
    """Whose duty the mediation is now, and until when."""

    type: ClassVar[str] = "mediation.MediationDutyMoved.v1"


class MediationHandedBack(HandedBack):
    """The mediation is over for the router, or for the petition that it was part of (R-PET-16)."""

    type: ClassVar[str] = "mediation.MediationHandedBack.v1"


EVENTS: Final[tuple[type[Event], ...]] = (MediationDutyMoved, MediationHandedBack)
COMMANDS: Final[tuple[type[Command], ...]] = ()
