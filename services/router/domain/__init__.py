"""The router's pure domain: triage, ladder, work order, deadlines."""

from services.router.domain.colour import colour
from services.router.domain.explain import explain
from services.router.domain.reading import Triage
from services.router.domain.router import CONSUMED, Router
from services.router.domain.workorder import WorkOrder

__all__ = ["CONSUMED", "Router", "Triage", "WorkOrder", "colour", "explain"]
