"""The policy as the domain sees it: settings and decision tables, immutable and named by a content hash. Pure."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.router.policy.tables import Table

Code = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Units(_Part):
    """Codes of the units with a part of their own in the procedure."""

    petition: Code
    """Receives the cases of residents who enter the petition track (R-LAD-09)."""


class Exits(_Part):
    """Codes of the legal exits for cases whose matter does not name its own."""

    skipped: Code
    """All rungs are interested (R-LAD-04)."""
    legal: Code
    outside_remit: Code


class Clocks(_Part):
    """Names of the deadline rules for what the `terms` table does not set."""

    triage: Code
    callback: Code
    redo: Code
    extension: Code
    supervise: Code
    """From the reminder of a callback to its supervision; a unit's is in the `terms` table."""
    emergency: Code
    suspension: Code
    archive: Code


class ReviewWay(_Part):
    """A lawful way for the unsatisfied that is no legal exit of the jurisdiction (R-LAD-06)."""

    name: Code
    authority: str | None = None
    """The unit that takes it in, where it is one of ours."""
    source: Code


class Settings(_Part):
    """The numbers and names of `settings.yaml`."""

    confidence: float = Field(ge=0, le=1)
    """Below this a human decides."""
    at_risk_percent: int = Field(ge=1, le=99)
    """R-CARD-01: the share of the handling time after which the yellow plate goes out."""
    units: Units
    exits: Exits
    clocks: Clocks
    evidence: Mapping[str, str]
    """Kinds of evidence by code, with their names in words."""
    reviews: Mapping[str, ReviewWay]
    """Ways of review by code, beside the legal exits (R-LAD-06)."""


class Policy(_Part):
    """Everything that is policy and not law of nature in the router's decisions."""

    version: str
    """Hash of the content of all its files."""
    settings: Settings
    dispositions: Table
    floors: Table
    mediations: Table
    modes: Table
    terms: Table
    checks: Table
    escalations: Table
    reopenings: Table
    reviews: Table
