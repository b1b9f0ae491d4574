"""Events and commands of petition (domain.md §1, §4)."""

from typing import ClassVar, Final

from schemas.message import Command, Event
from schemas.procedure import DutyMoved, HandedBack, ProcedureEvent


class PetitionDutyMoved(DutyMoved):
    """Whose duty the petition is now, and until when."""

    type: ClassVar[str] = "petition.PetitionDutyMoved.v1"


class PetitionHandedBack(HandedBack):
    """The petition is over for the router."""

    type: ClassVar[str] = "petition.PetitionHandedBack.v1"


class PetitionSentToMediation(ProcedureEvent):
    """R-PET-16: both sides agreed to mediate; `unit` stays responsible and its clock runs as the law says."""

    type: ClassVar[str] = "petition.PetitionSentToMediation.v1"

    unit: str


EVENTS: Final[tuple[type[Event], ...]] = (PetitionDutyMoved, PetitionHandedBack, PetitionSentToMediation)
COMMANDS: Final[tuple[type[Command], ...]] = ()
