"""Value types that several services share."""

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from schemas.message import Instant, Value


class Channel(StrEnum):
    """By which way a matter came in."""

    HOTLINE = "hotline"
    WEB = "web"
    WECHAT = "wechat"
    GRID = "grid"
    EMAIL = "email"
    FAX = "fax"
    LETTER = "letter"
    VISIT = "visit"
    OPEN311 = "open311"


class PlaceSource(StrEnum):
    """How the grid of a place was found."""

    COORDINATES = "coordinates"
    ADDRESS = "address"
    UNIT = "unit"
    """Stated by a member of staff, for example by the grid worker who stands there."""
    SAMPLED = "sampled"
    """Drawn by lot for trial data whose address was removed; never for a resident's own submission."""
    UNKNOWN = "unknown"


class Reach(StrEnum):
    """A way by which a reporter can be told something: which they left, never what it is."""

    PHONE = "phone"
    EMAIL = "email"
    WECHAT = "wechat"


class Place(Value):
    """Where a matter lies. `grid` is the code of the grid, or None where only the district is known.

    Longitude and latitude are WGS84 degrees.
    """

    source: PlaceSource
    grid: str | None = None
    building_group: str | None = None
    longitude: float | None = Field(default=None, ge=-180, le=180)
    latitude: float | None = Field(default=None, ge=-90, le=90)
    address: str | None = Field(default=None, max_length=500)
    """As given, with phone and id numbers masked."""


class RequestKind(StrEnum):
    """What the resident wants; it sets the statutory working days to answer (domain.md §6)."""

    CONSULT = "consult"
    HELP = "help"
    SUGGEST = "suggest"
    COMPLAIN = "complain"
    REPORT = "report"


class Emergency(Value):
    """A danger that goes to its emergency line first (R-LAD-05, R-HOT-13)."""

    line: str = Field(pattern="^(110|119|120|122)$")
    ground: str
    """The words of the text that gave the alarm, or `operator` where a member of staff declared it."""


class KnowledgeRef(Value):
    """An entry of the knowledge base, in the version that was told (R-HOT-15)."""

    entry: str = Field(min_length=1, max_length=64)
    version: int = Field(ge=1)


class OnSiteResolution(Value):
    """What was done at once: settled on the spot by a grid worker (R-GRD-01), answered on the call (R-HOT-02)."""

    unit: str
    measure: str = Field(min_length=2, max_length=2000)
    resolved_at: Instant
    knowledge: KnowledgeRef | None = None
    """What the answer on the call was taken from."""


class Evidence(Value):
    """What shows that a step was justified: a document, record or earlier event, by reference."""

    kind: str = Field(min_length=1, max_length=64)
    reference: str = Field(min_length=1, max_length=256)
    note: str = Field(default="", max_length=1000)


class Sealed(Value):
    """A record of personal data, encrypted under a key of its own, which the master key `key_id` wraps."""

    record_id: UUID
    key_id: str
    wrapped_key: bytes
    ciphertext: bytes
