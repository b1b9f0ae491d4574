"""The shapes of the files in a jurisdiction's folder, as an editor writes them."""

import re
from datetime import date
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from schemas.deadline import DeadlineRule
from schemas.jurisdiction import EmergencyLine, Rung
from schemas.mediators import MediationKind, MediatorRole

_SENTENCE_END: Final = re.compile(r"[。！？!?；;\n]")


def _within_a_sentence(words: str) -> str:
    """Complaints are read sentence by sentence: what reached over two would never be found."""
    if _SENTENCE_END.search(words):
        raise ValueError(f"{words} should stand within one sentence, without any of 。！？!?；;")
    return words


Text = Annotated[str, Field(min_length=1)]
Word = Annotated[str, Field(min_length=2), AfterValidator(_within_a_sentence)]
"""One character stands in too many other words."""
UnitName = Annotated[str, Field(min_length=1), AfterValidator(_within_a_sentence)]
Count = Annotated[int, Field(ge=0)]
UnitCode = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9-]*$")]
TerritorialName = Literal["building_group", "grid", "community", "street", "district"]


class Row(BaseModel):
    """Frozen, and strict about unknown keys: a misspelt key is an error, not silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class CountsRow(Row):
    district: Count
    street: Count
    community: Count
    grid: Count


class RangeRow(Row):
    least: Count
    most: Count


class ListSizesRow(Row):
    own: Count
    assist: Count


class ThresholdsRow(Row):
    many_households: Annotated[int, Field(ge=2)]
    several_departments: Annotated[int, Field(ge=2)]
    callback_attempts: Annotated[int, Field(ge=1)]
    callback_claim_minutes: Annotated[int, Field(ge=1, le=1440)]
    callback_link_days: Annotated[int, Field(ge=1, le=365)]
    callback_from_hour: Annotated[int, Field(ge=0, le=23)]
    callback_until_hour: Annotated[int, Field(ge=1, le=24)]

    @model_validator(mode="after")
    def _hours_in_order(self) -> Self:
        if self.callback_from_hour >= self.callback_until_hour:
            raise ValueError("callback_from_hour must lie before callback_until_hour")
        return self


class LegalExitRow(Row):
    code: Text
    name: Text
    authority: UnitCode | None
    source: Text


class JurisdictionFile(Row):
    """jurisdiction.yaml"""

    code: UnitCode
    name: Text
    version: Text
    hotline: UnitCode
    counts: CountsRow
    households_per_grid: RangeRow
    community_lists: ListSizesRow
    thresholds: ThresholdsRow
    legal_exits: list[LegalExitRow]


class DepartmentRow(Row):
    """One entry of departments.yaml."""

    code: UnitCode
    name: UnitName
    kind: Literal["department", "public_body"]
    parent: UnitCode | None
    levels: Annotated[list[Rung], Field(min_length=1)]
    successor: UnitCode | None = None
    aliases: list[Word] = []
    """What residents call it beside its name."""


class UnitRow(Row):
    """One row of units.csv."""

    code: UnitCode
    name: UnitName
    kind: TerritorialName
    parent: UnitCode | None = None
    households: Count
    successor: UnitCode | None = None


class ConductFile(Row):
    """conduct.yaml"""

    words: Annotated[list[Word], Field(min_length=1)]
    beside: Annotated[list[Word], Field(min_length=1)]
    unless_after: list[Text]
    others: Annotated[list[Text], Field(min_length=1)]
    verbs: Annotated[list[Word], Field(min_length=1)]
    not_objects: Annotated[list[Text], Field(min_length=1)]
    not_accused: Annotated[list[Text], Field(min_length=1)]
    regrets: Annotated[list[Word], Field(min_length=1)]
    staff: Annotated[list[Word], Field(min_length=1)]
    offices: Annotated[list[Word], Field(min_length=1)]
    heads: Annotated[list[Word], Field(min_length=1)]


class MatterRow(Row):
    """One matter of matters.yaml. `level` is entry rung, track, urgency and `!` together, e.g. 3S1!"""

    code: Annotated[str, Field(pattern=r"^[a-z-]+\.[a-z-]+$")]
    name: Text
    level: Annotated[str, Field(pattern=r"^[0-4][SMPL][1-4]!?$")]
    responsible: dict[Rung, str]
    keywords: Annotated[list[Text], Field(min_length=4)]
    helpers: list[UnitCode] = []
    emergency_line: EmergencyLine | None = None
    sealed: bool = False
    legal_exit: str | None = None

    @property
    def head(self) -> str:
        return self.code.split(".", 1)[0]

    @property
    def entry(self) -> Rung:
        return Rung(int(self.level[0]))


class MattersFile(Row):
    """matters.yaml"""

    heads: dict[str, Text]
    matters: Annotated[list[MatterRow], Field(min_length=1)]


class DutyRow(Row):
    code: Text
    name: Text
    matters: list[str]


class AssistRow(DutyRow):
    lead: UnitCode


class AdmissionRow(Row):
    matter: str
    community: UnitCode
    valid_from: date = Field(alias="from")
    valid_until: date = Field(alias="until")
    source: Text


class ListsFile(Row):
    """community-lists.yaml"""

    own: list[DutyRow]
    assist: list[AssistRow]
    admissions: list[AdmissionRow]


class HolidayRow(Row):
    name: Text
    first: date = Field(alias="from")
    last: date = Field(alias="until")


class CalendarFile(Row):
    """calendar/<year>.yaml"""

    year: Annotated[int, Field(ge=2000, le=2100)]
    version: Text
    holidays: list[HolidayRow]
    workdays: list[date]


class AddressRow(Row):
    """One row of addresses.csv: a compound lies in one grid; a road has number ranges, each in one grid."""

    kind: Literal["compound", "road"]
    name: Text
    first: Annotated[int, Field(ge=1)] | None = None
    last: Annotated[int, Field(ge=1)] | None = None
    side: Literal["all", "odd", "even"] = "all"
    grid: UnitCode


class BuildingRow(Row):
    """One row of buildings.csv: buildings of a compound, from the first to the last number, and their group."""

    compound: Text
    first: Annotated[int, Field(ge=1, le=999)]
    last: Annotated[int, Field(ge=1, le=999)]
    building_group: UnitCode


class ProcedureRow(Row):
    """A kind of mediation, of mediation.yaml."""

    code: Text
    name: Text
    kind: MediationKind
    term: Text
    from_application: bool = False
    prolongable: bool = False
    appraisal_excluded: bool = False
    oral: bool = False
    notice_days: Annotated[int, Field(ge=0, le=30)] = 0
    closed: bool = False
    matters: list[str] = []
    also: list[str] = []
    units: list[UnitCode] = []
    routes: Annotated[list[str], Field(min_length=1)]
    """R-MED-10: whoever fails to agree is told of at least one other way."""
    routes_with_agreement: list[str] = []
    source: Text


class SeatRow(Row):
    code: Text
    name: Text
    unit: UnitCode | None


class PanelRow(Row):
    code: Text
    name: Text
    seats: Annotated[list[SeatRow], Field(min_length=1)]
    source: Text


class MediationFile(Row):
    """mediation.yaml"""

    default: Text
    police: UnitCode
    procedures: Annotated[list[ProcedureRow], Field(min_length=1)]
    panels: list[PanelRow]


class CommitteeRow(Row):
    """One row of committees.csv; `procedures` are codes with blanks between."""

    code: UnitCode
    name: Text
    unit: UnitCode
    procedures: Text


class MediatorRow(Row):
    """One row of mediators.csv; `woman` is asked of members only, for R-MED-01."""

    code: UnitCode
    committee: UnitCode
    role: MediatorRole
    woman: Literal["yes", "no"] | None = None
    place: UnitCode | None = None


JURISDICTION: Final = TypeAdapter(JurisdictionFile)
DEPARTMENTS: Final = TypeAdapter(list[DepartmentRow])
UNIT: Final = TypeAdapter(UnitRow)
CONDUCT: Final = TypeAdapter(ConductFile)
MATTERS: Final = TypeAdapter(MattersFile)
LISTS: Final = TypeAdapter(ListsFile)
DEADLINES: Final = TypeAdapter(list[DeadlineRule])
CALENDAR: Final = TypeAdapter(CalendarFile)
ADDRESS: Final = TypeAdapter(AddressRow)
BUILDING: Final = TypeAdapter(BuildingRow)
MEDIATION: Final = TypeAdapter(MediationFile)
COMMITTEE: Final = TypeAdapter(CommitteeRow)
MEDIATOR: Final = TypeAdapter(MediatorRow)
COMMITTEE_COLUMNS: Final = ("code", "name", "unit", "procedures")
MEDIATOR_COLUMNS: Final = ("code", "committee", "role", "woman", "place")
UNIT_COLUMNS: Final = ("code", "name", "kind", "parent", "households", "successor")
ADDRESS_COLUMNS: Final = ("kind", "name", "first", "last", "side", "grid")
BUILDING_COLUMNS: Final = ("compound", "first", "last", "building_group")
