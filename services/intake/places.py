"""Where a matter lies: stated unit, then coordinates, then address, then a grid worker's own grid."""

from reference.gazetteer import Gazetteer
from schemas.values import Place, PlaceSource
from services.intake.bodies import CaseBody
from services.intake.callers import Caller
from services.intake.check import Check


def resolve(body: CaseBody, check: Check, who: Caller, gazetteer: Gazetteer, address: str | None) -> Place:
    """Return the place; `address` is the given one with personal numbers masked.

    The building group is known where it is stated, or where the address names a building in the grid (R-LAD-01).
    Where nothing leads to a grid, only the district is known, and the router treats it so (R-HOT-04).
    """
    given = body.place
    point = given if given.longitude is not None else body.location
    spot = gazetteer.locate(given.address) if given.address is not None else None
    source, grid = _grid(body, check, who, spot.grid if spot else None)
    building_group = given.building_group
    if building_group is None and spot is not None and spot.grid == grid:
        building_group = spot.building_group
    return Place(
        source=source,
        grid=grid,
        building_group=building_group,
        longitude=point.longitude if point is not None else None,
        latitude=point.latitude if point is not None else None,
        address=address,
    )


def _grid(body: CaseBody, check: Check, who: Caller, found: str | None) -> tuple[PlaceSource, str | None]:
    given = body.place
    if given.grid is not None:
        return (PlaceSource.SAMPLED if given.source else PlaceSource.UNIT), given.grid
    if given.building_group is not None:
        return PlaceSource.UNIT, check.around.building_groups[given.building_group]
    if check.located is not None:
        return PlaceSource.COORDINATES, check.located
    if found is not None:
        return PlaceSource.ADDRESS, found
    if who.unit in check.around.grid_codes and not who.is_resident:
        return PlaceSource.UNIT, who.unit
    return PlaceSource.UNKNOWN, None
