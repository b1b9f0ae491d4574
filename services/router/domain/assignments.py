"""What a unit is told when it gets an assignment: never more than its role needs (R-HOT-06, R-HOT-14)."""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.department import AssignmentRole, DepartmentAssigned, HandlingMode, TextAccess
from schemas.router import Term
from services.router.domain.workorder import WorkOrder


class Texts(NamedTuple):
    """Title and text of a fresh submission, masked; they go to the units and into no state."""

    title: str
    text: str


def assigned(
    case: WorkOrder,
    unit: str,
    number: int,
    role: AssignmentRole,
    *,
    lead: str | None,
    mode: HandlingMode,
    texts: Texts | None = None,
    locked: bool = False,
    terms: Sequence[Term] = (),
) -> DepartmentAssigned:
    """The assignment `number` of the case for `unit`; only the lead signs, objects and is locked."""
    leads = role is AssignmentRole.LEAD
    access = _access(case, role, texts)
    inline = texts if access is TextAccess.INLINE else None
    by = {term.name: term.at for term in terms}
    return DepartmentAssigned(
        unit=unit,
        assignment=case.assignment(number),
        case_id=case.case_id,
        role=role,
        lead=lead,
        matter=case.matter,
        track=case.track,
        urgency=case.urgency,
        mode=mode,
        grid=None if case.sealed else case.place,
        access=access,
        title=inline.title if inline else None,
        text=inline.text if inline else None,
        locked=locked and leads,
        sign_by=by.get("sign") if leads else None,
        object_by=by.get("object") if leads else None,
        handle_by=by.get("handle"),
    )


def _access(case: WorkOrder, role: AssignmentRole, texts: Texts | None) -> TextAccess:
    """A confidential text is for the responsible unit only; sealed matter for its one recipient (R-PET-10)."""
    if role is AssignmentRole.EXIT:
        return TextAccess.API
    if case.sealed or (case.confidential and role is not AssignmentRole.LEAD):
        return TextAccess.WITHHELD
    return TextAccess.INLINE if texts and role is not AssignmentRole.COPY else TextAccess.API
