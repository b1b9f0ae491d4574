"""R-HOT-09, R-KPI-01: the figures by another way: from the states around each event, not from its marks."""

from collections import Counter
from datetime import datetime

from schemas import router as r
from schemas.message import Event
from schemas.router import OrderStatus as S
from services.router.domain import WorkOrder

ATTEMPTS = 3
"""Gulou's number of attempts to reach a resident."""


def recount(at: datetime, before: WorkOrder, event: Event, after: WorkOrder) -> Counter[tuple[str, str]]:
    """What one event counts for, by unit and measure."""
    found: Counter[tuple[str, str]] = Counter()
    unit = before.unit or ""
    waited = before.status is S.CALLBACK
    if isinstance(event, r.CallbackRecorded) and waited and (event.by_resident or event.contacted):
        found[unit, "valid"] += 1
        found[unit, "contacted"] += bool(event.responded)
        found[unit, "resolved"] += event.resolved
        found[unit, "satisfied"] += event.satisfied
    if isinstance(event, r.CallbackRecorded) and before.attempts < after.attempts == ATTEMPTS:
        found[unit, "not_reached"] += 1
    if after.queue is None:  # the wait for triage is no handling
        found[unit, "late"] += after.overdue and not before.overdue
    if isinstance(event, r.CaseReplied):
        handle = before.term("handle")
        is_over = before.overdue or (handle is not None and handle.at <= at)
        found[unit, "in_time"] += not is_over
        found[unit, "late"] += is_over and not before.overdue
    found[unit, "redone"] += after.status is S.REDO and before.status is not S.REDO
    found[unit, "reopened"] += after.reopened > before.reopened
    if before.status is S.OBJECTED and isinstance(event, r.ObjectionAdjudicated):
        found[unit, "objections"] += 1
        found[unit, "upheld"] += after.status is not S.DISPATCHED_LOCKED
    return +found
