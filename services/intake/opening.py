"""How a case's file is opened: by staff whose area it lies in, or by whoever holds the tracking code."""

from collections.abc import Callable
from uuid import UUID

from fastapi import Request

from chassis.host import Host
from chassis.http import Principal, Role
from chassis.http.clients import address_of
from schemas.jurisdiction import Jurisdiction
from services.intake.answers import not_found
from services.intake.callers import STAFF, Caller, caller, is_kept_from, reaches
from services.intake.desk import Desk
from services.intake.domain import IntakeState
from services.intake.storage import File, file_by_code, file_by_id


def is_open_to(who: Caller, file: File, jurisdiction: Jurisdiction) -> bool:
    """Whether a member of staff may open the file: it is not kept from them, and lies in their area; whom sealed
    matter was sent to may well have none."""
    if is_kept_from(who, file.subjects, file.recipient, jurisdiction):
        return False
    return file.recipient is not None or reaches(who, file.unit, jurisdiction)


class Opening:
    """Opens files."""

    def __init__(self, host: Host[IntakeState], desk: Desk) -> None:
        self._host = host
        self._desk = desk
        self._address = address_of(host.settings)

    async def for_staff(
        self,
        case_id: UUID,
        principal: Principal,
        roles: tuple[Role, ...] = STAFF,
        demand: Callable[[Caller, Jurisdiction], None] | None = None,
    ) -> tuple[File, Caller]:
        """Return the file, and the caller in the first of `roles` that they hold.

        Raises Problem 404 outside their area and for whom it is kept from, so that nobody can tell the two apart or
        learns that there is a case (R-LAD-04, R-HOT-14); before that, what `demand` raises of the caller alone.
        """
        jurisdiction = self._desk.jurisdiction
        who = caller(principal, jurisdiction, roles)
        if demand is not None:
            demand(who, jurisdiction)
        file = await file_by_id(self._host.pool, case_id)
        if file is None or not is_open_to(who, file, jurisdiction):
            raise not_found()
        return file, who

    async def by_code(self, tracking_code: str, request: Request) -> File:
        """Return the file. Raises Problem 404 for a wrong code, 429 for the address that guesses (R-PRIV-01)."""
        file = await file_by_code(self._host.pool, self._desk.codes.digest(tracking_code))
        if file is None:
            self._desk.guesses.wrong(self._address(request))
            raise not_found()
        return file
