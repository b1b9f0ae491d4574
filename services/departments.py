"""Which units have topics of their own on Kafka, and their names."""

from collections.abc import Iterable
from typing import Final

from schemas.jurisdiction import Jurisdiction, UnitKind

WITH_TOPICS: Final = frozenset(
    {UnitKind.DEPARTMENT, UnitKind.PUBLIC_BODY, UnitKind.STREET, UnitKind.DISTRICT}
)
"""Offices with systems of their own. Communities, grids and building groups use the console and the HTTP feed."""


def units_with_topics(jurisdiction: Jurisdiction) -> list[str]:
    """Return the codes of the units that have topics of their own, in the order of the jurisdiction's files."""
    return [code for code, unit in jurisdiction.units.items() if unit.kind in WITH_TOPICS]


def topics_to(units: Iterable[str]) -> frozenset[str]:
    """Return the topics on which units are told something."""
    return frozenset(f"dept.{code}.{what}" for code in units for what in ("assigned", "rejected"))
