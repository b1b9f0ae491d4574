"""A case's file as a member of staff may open it."""

from uuid import UUID

from chassis.host import Host
from chassis.http import Principal, Role
from services.intake.answers import not_found
from services.intake.callers import STAFF, Caller, caller, demand_scope, is_kept_from
from services.intake.desk import Desk
from services.intake.domain import IntakeState
from services.intake.storage import File, file_by_id


async def opened(
    host: Host[IntakeState],
    desk: Desk,
    case_id: UUID,
    principal: Principal,
    roles: tuple[Role, ...] = STAFF,
) -> tuple[File, Caller]:
    """Return the file, and the caller in the first of `roles` that they hold.

    Raises Problem 404 for whom it is kept from, 403 outside their area.
    """
    who = caller(principal, desk.jurisdiction, roles)
    file = await file_by_id(host.pool, case_id)
    if file is None or is_kept_from(who, file.subjects, file.recipient, desk.jurisdiction):
        raise not_found()
    if file.recipient is None:  # whom sealed matter was sent to may well have no area
        demand_scope(who, file.unit, desk.jurisdiction)
    return file, who
