"""R-HOT-09, R-KPI-01: the figures of units over a period, summed from their days. Nothing is said of a person."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Annotated, Final

from fastapi import FastAPI
from fastapi import Query as Parameter
from pydantic import BaseModel, Field

from chassis.http import FieldError, Principal, Problem, Role, allow
from chassis.http.problems import unprocessable
from schemas.jurisdiction import Jurisdiction, UnitKind
from services.router.api.access import Access
from services.router.api.lists import outside
from services.router.api.office import Office
from services.router.api.views import UnitName
from services.router.rates import MEASURES
from services.terms import day_of

MOST_DAYS: Final = 366
_USUAL_DAYS: Final = 30
_ASSESSED: Final = frozenset({UnitKind.STREET, UnitKind.DEPARTMENT})
"""To whom assessment figures go (R-KPI-01)."""
_SUMS: Final = (
    f"SELECT unit, {', '.join(f'sum({name})::bigint AS {name}' for name in MEASURES)} FROM router.unit_day"
    " WHERE unit = ANY($1::text[]) AND day BETWEEN $2 AND $3 GROUP BY unit"
)


class Figures(BaseModel):
    """What is counted, and the rates made of it; a rate of nothing is null."""

    valid: int = Field(description="callbacks that the resident answered")
    not_reached: int = Field(
        description="callbacks that ended after the last attempt; in none of the three rates"
    )
    contacted: int = Field(description="valid ones where the unit had been in touch, as the resident says")
    resolved: int
    satisfied: int
    in_time: int = Field(description="handlings replied to in time")
    late: int = Field(description="handlings whose time passed without a reply")
    redone: int
    reopened: int
    objections: int = Field(description="objections of the unit that were decided")
    upheld: int
    response_rate: float | None = Field(description="contacted ÷ valid")
    resolution_rate: float | None = Field(description="resolved ÷ valid")
    satisfaction_rate: float | None = Field(description="satisfied ÷ valid")
    timeliness: float | None = Field(description="in_time ÷ (in_time + late)")
    redo_rate: float | None = Field(description="redone ÷ (valid + not_reached)")
    upheld_rate: float | None = Field(description="upheld ÷ objections")

    @classmethod
    def of(cls, count: Mapping[str, int]) -> "Figures":
        """The figures of a count by measure."""
        n = {name: count.get(name, 0) for name in MEASURES}
        return cls(
            **n,
            response_rate=_rate(n["contacted"], n["valid"]),
            resolution_rate=_rate(n["resolved"], n["valid"]),
            satisfaction_rate=_rate(n["satisfied"], n["valid"]),
            timeliness=_rate(n["in_time"], n["in_time"] + n["late"]),
            redo_rate=_rate(n["redone"], n["valid"] + n["not_reached"]),
            upheld_rate=_rate(n["upheld"], n["objections"]),
        )


class UnitRates(BaseModel):
    """A unit's own figures, and those of it with all that stands under it."""

    unit: UnitName
    kind: UnitKind
    own: Figures
    total: Figures


class RatesView(BaseModel):
    """Both days included, in Asia/Shanghai."""

    first: date
    last: date
    units: list[UnitRates]


def add_rates_route(app: FastAPI, office: Office, access: Access) -> None:
    """Add `GET /v1/rates`."""
    under = _under(office.jurisdiction)

    @app.get(
        "/v1/rates",
        tags=["units"],
        summary="三率: response, resolution, satisfaction, and more, of units over a period (R-HOT-09, R-KPI-01)",
    )
    async def rates(
        principal: Annotated[Principal, allow(Role.SUPERVISOR, Role.OPS)],
        unit: Annotated[
            str | None, Parameter(description="one unit; by default your streets and departments")
        ] = None,
        first: Annotated[
            date | None, Parameter(alias="from", description="by default 30 days, today last")
        ] = None,
        last: Annotated[date | None, Parameter(alias="to", description="by default today")] = None,
    ) -> RatesView:
        access.check_unit(principal)
        last = last or day_of(office.host.clock())
        first = first or last - timedelta(days=_USUAL_DAYS - 1)
        if not timedelta() <= last - first < timedelta(days=MOST_DAYS):
            expected = f"a period of 1 to {MOST_DAYS} days: from=2026-06-01&to=2026-06-30"
            raise unprocessable([FieldError(field="query.from", message="not a period", expected=expected)])
        shown = _units(office, access, principal, unit)
        asked = sorted({one for code in shown for one in under[code]})
        async with office.host.pool.acquire() as connection:
            rows = await connection.fetch(_SUMS, asked, first, last)
        found = {row["unit"]: Counter({name: int(row[name]) for name in MEASURES}) for row in rows}
        units = [
            UnitRates(
                unit=UnitName(code=code, name=office.name(code)),
                kind=office.jurisdiction.units[code].kind,
                own=Figures.of(found.get(code, {})),
                total=Figures.of(_sum(found[one] for one in under[code] if one in found)),
            )
            for code in shown
        ]
        return RatesView(first=first, last=last, units=units)


def _units(office: Office, access: Access, principal: Principal, unit: str | None) -> list[str]:
    """Whose figures are shown. Raises Problem 404 and 403."""
    units = office.jurisdiction.units
    if unit is None:
        return [c for c, u in units.items() if u.kind in _ASSESSED and access.reaches(principal, c)]
    if unit not in units:
        raise Problem(404, "unit_unknown", "No such unit", f"There is no unit {unit}.")
    if not access.reaches(principal, unit):
        raise outside(principal, unit)
    return [unit]


def _under(jurisdiction: Jurisdiction) -> dict[str, list[str]]:
    """For each unit, itself and what stands under it; under the district, all."""
    found: dict[str, list[str]] = {code: [] for code in jurisdiction.units}
    for code in jurisdiction.units:
        for above in dict.fromkeys((code, *jurisdiction.ancestors(code), jurisdiction.code)):
            found[above].append(code)
    return found


def _sum(counts: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return total


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
