"""Who is submitting, and what their role and unit allow."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from chassis.http import Principal, Problem, Role
from chassis.http.auth import recorded_as
from schemas.jurisdiction import Jurisdiction
from schemas.message import Actor
from schemas.values import Channel

SUBMITTING: Final = (Role.OPERATOR, Role.OPS, Role.GRID_WORKER, Role.RESIDENT)
"""Roles that may submit; who has several acts as the first."""
STAFF: Final = (Role.OPERATOR, Role.SUPERVISOR, Role.GRID_WORKER, Role.OPS)
"""Roles that may look a case up."""
ADDING: Final = (Role.OPERATOR, Role.SUPERVISOR, Role.GRID_WORKER)
"""Roles that may add facts: the hotline, who oversees it, and who stands on the spot. Ops runs the system only."""
READING: Final = (*ADDING, Role.HANDLER, Role.MEDIATOR, Role.PETITION_OFFICER)
"""Roles that may read what was added: whose area it is, and who handles the case."""
WITHDRAWING: Final = (Role.OPERATOR, Role.GRID_WORKER)
"""Roles that may take a case back. The case is the resident's: the hotline does it on their word, a grid worker
only with what they submitted themselves. A supervisor answers for the handling units and may not (R-HOT-10)."""
HEARING: Final = (Role.OPERATOR,)
"""Roles that may say for the resident how it was handled: never those whom the answer rates (R-HOT-09)."""
CHANNELS: Final = {
    Role.OPERATOR: Channel.HOTLINE,
    Role.OPS: Channel.HOTLINE,
    Role.GRID_WORKER: Channel.GRID,
    Role.RESIDENT: Channel.WEB,
}

SYSTEM: Final = "system"
"""The role in an event of what is no person: a system of others with a key of its own."""
NOTIFYING: Final = (Role.NOTIFIER,)
"""The service that tells residents what becomes of their case."""
CALLING: Final = (Role.NOTIFIER, Role.OPERATOR)
"""Roles that send a resident the link to a callback: the service that tells them, and the hotline."""

_WITHOUT_UNIT: Final = frozenset({Role.OPS, Role.RESIDENT, Role.NOTIFIER})
"""Whoever else comes without a unit has a token that was set up by mistake, not a wider jurisdiction."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified caller in the role that counts here."""

    subject: str
    """As the token has it: for comparing, never for writing down."""
    role: Role
    unit: str | None
    channel: Channel | None = None
    """The way by which a resident's own message came, where it is not the web."""
    system: str | None = None
    """The known system that handed a resident's message over: it may name the matter, and stands in the event."""

    @property
    def recorded_as(self) -> str:
        """Return the subject as it may be written down."""
        return recorded_as(self.subject)

    @property
    def is_resident(self) -> bool:
        """Whether this is a resident, not a member of staff."""
        return self.role is Role.RESIDENT

    @property
    def actor(self) -> Actor | None:
        """Return the member of staff or the system for the audit trail; None for a resident, whose identity stays
        out of it."""
        if self.system is not None:
            return Actor(subject=self.system, role=SYSTEM)
        if self.is_resident:
            return None
        return _member_of_staff(self.subject, self.role.value, self.unit)


@lru_cache(maxsize=1024)
def _member_of_staff(subject: str, role: str, unit: str | None) -> Actor:
    return Actor(subject=recorded_as(subject), role=role, unit=unit)


def caller(principal: Principal, jurisdiction: Jurisdiction, roles: tuple[Role, ...]) -> Caller:
    """Return the caller in the first of `roles` that they hold. Raises Problem 403 for a useless token."""
    role = next(role for role in roles if role in principal.roles)
    unit = principal.unit
    if unit is None and role not in _WITHOUT_UNIT:
        detail = f"The token of the role {role} must name your unit in its claim `unit`."
        raise Problem(403, "unit_required", "Your token names no unit", detail)
    if unit is not None and unit not in jurisdiction.units and role is not Role.RESIDENT:
        detail = f"Your token's unit {unit} is none of {jurisdiction.name}."
        raise Problem(403, "unit_unknown", "Your unit is not known here", detail)
    return Caller(principal.subject, role, unit)


def reaches(who: Caller, unit: str, jurisdiction: Jurisdiction) -> bool:
    """Whether `unit` lies in the caller's jurisdiction. Ops without a unit has all of it,
    as the hotline centre's has, which works for the whole jurisdiction (R-HOT-01)."""
    if who.is_resident or who.unit is None or jurisdiction.in_scope(who.unit, unit):
        return True
    runs_the_centre = who.role is Role.OPS and who.unit == jurisdiction.hotline
    return runs_the_centre or is_of_the_centre(who, jurisdiction)


def demand_scope(who: Caller, unit: str, jurisdiction: Jurisdiction) -> None:
    """Raise Problem 403 where a caller states a place outside their jurisdiction."""
    if who.unit is None or reaches(who, unit, jurisdiction):
        return
    own = jurisdiction.units[who.unit]
    there = jurisdiction.units[unit]
    raise Problem(
        403,
        "outside_jurisdiction",
        "This lies outside your jurisdiction",
        f"The place is in {there.name} ({there.code}); your token covers {own.name} ({own.code}). "
        "State a place there, or leave the case to the unit whose place it is.",
    )


def demand_centre(who: Caller, jurisdiction: Jurisdiction) -> None:
    """Raise Problem 403 for an operator of one unit: it could be the one that handles the case, and so would end or
    rate its own work (R-HOT-08). Only an operator of the whole district speaks for residents."""
    if who.role is not Role.OPERATOR or is_of_the_centre(who, jurisdiction):
        return
    raise Problem(
        403,
        "not_the_centre",
        "Only the district's hotline does this for a resident",
        f"Your token is of {who.unit}; an operator of {jurisdiction.code} records it, or the resident with the "
        "tracking code.",
    )


def is_of_the_centre(who: Caller, jurisdiction: Jurisdiction) -> bool:
    """Whether the caller is an operator or supervisor of the district or its hotline centre: they take cases in
    from everywhere, and tell residents how far their matter is (R-HOT-01, R-HOT-08)."""
    centre = {jurisdiction.code, jurisdiction.hotline}
    return who.role in {Role.OPERATOR, Role.SUPERVISOR} and who.unit in centre


def demand_district(who: Caller, jurisdiction: Jurisdiction) -> None:
    """Raise Problem 403 for whoever is not of the whole district: a case that merely lies in somebody's area may be
    handled by another unit, whose reporter is not theirs to erase."""
    if who.unit == jurisdiction.code:
        return
    raise Problem(
        403,
        "not_the_district",
        "Only the district does this",
        f"Your token is of {who.unit}; a supervisor of {jurisdiction.code} erases personal data.",
    )


def is_kept_from(who: Caller, subjects: list[str], recipient: str | None, jurisdiction: Jurisdiction) -> bool:
    """Whether the case does not exist for the caller.

    R-LAD-04, R-HOT-14: their unit is complained of, or stands under one that is; of a caller without a unit nobody
    knows under whom they stand, so any subject keeps them out. R-PET-10: sealed matter is for its recipient alone.
    """
    if recipient is not None and who.unit != recipient:
        return True
    unit = who.unit
    if unit is None:
        return bool(subjects)
    return any(jurisdiction.controls(subject, unit) for subject in subjects)
