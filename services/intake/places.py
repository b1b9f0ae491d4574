"""Where a matter lies: stated grid, then coordinates, then address, then a grid worker's own grid."""

from reference.gazetteer import Gazetteer
from schemas.values import Place, PlaceSource
from services.intake.bodies import CaseBody
from services.intake.callers import Caller
from services.intake.check import Check


def resolve(body: CaseBody, check: Check, who: Caller, gazetteer: Gazetteer, address: str | None) -> Place:
    """Return the place; `address` is the given one with personal numbers masked.

    Where nothing leads to a grid, only the district is known, and the router treats it so (R-HOT-04).
    """
    given = body.place
    point = given if given.longitude is not None else body.location
    source, grid = _grid(body, check, who, gazetteer)
    return Place(
        source=source,
        grid=grid,
        building_group=None,
        longitude=point.longitude if point is not None else None,
        latitude=point.latitude if point is not None else None,
        address=address,
    )


def _grid(body: CaseBody, check: Check, who: Caller, gazetteer: Gazetteer) -> tuple[PlaceSource, str | None]:
    given = body.place
    if given.grid is not None:
        return (PlaceSource.SAMPLED if given.source else PlaceSource.UNIT), given.grid
    if check.located is not None:
        return PlaceSource.COORDINATES, check.located
    if given.address is not None and (found := gazetteer.locate(given.address)) is not None:
        return PlaceSource.ADDRESS, found
    if who.unit in check.around.grid_codes and not who.is_resident:
        return PlaceSource.UNIT, who.unit
    return PlaceSource.UNKNOWN, None
