"""Places as the index knows them: numbers of units, and metres from a point of the district."""

import math
import re
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reference.areas import GridIndex
from reference.gazetteer import Gazetteer
from schemas.jurisdiction import Jurisdiction
from services.intake.check import Surroundings
from services.intake.similar.index import Around

_POINT: Final = re.compile(r"^\s*(-?\d{1,3}(?:\.\d{1,15})?)\s*[,，]\s*(-?\d{1,2}(?:\.\d{1,15})?)\s*$")
_M_PER_DEGREE: Final = 111_320.0


class Spots:
    """Reads places. Made once; a grid's neighbours are looked for when it is first asked about."""

    def __init__(self, around: Surroundings, gazetteer: Gazetteer) -> None:
        self._around = around
        self._gazetteer = gazetteer
        self._grids: GridIndex = around.grids
        self._centres = around.grids.centres()
        self._codes = sorted(around.jurisdiction.units)
        self._numbers = {code: number for number, code in enumerate(self._codes)}
        self._origin = next(iter(self._centres.values()))
        self._neighbours: dict[str, frozenset[int]] = {}

    @property
    def jurisdiction(self) -> Jurisdiction:
        """The jurisdiction whose units are numbered."""
        return self._around.jurisdiction

    def number(self, unit: str | None) -> int:
        """Return the number of a unit; of none, and of one that is no longer there, the district's."""
        return self._numbers.get(unit or "", self._numbers[self.jurisdiction.code])

    def metres(
        self, grid: str | None, longitude: float | None, latitude: float | None
    ) -> tuple[float, float] | None:
        """Return where a place lies: by its coordinates, else in the middle of its grid."""
        if longitude is not None and latitude is not None:
            return self._metres(longitude, latitude)
        centre = self._centres.get(grid or "")
        return self._metres(*centre) if centre is not None else None

    def read(self, place: str) -> tuple[str, Around] | None:
        """Return the grid of a place as an operator writes it, and what lies around it.

        A grid's or a building group's code, `longitude,latitude`, or an address; None where that leads to no grid.
        """
        grid, point = self._grid(place)
        if grid is None:
            return None
        metres = self._metres(*(point or self._centres[grid]))
        if grid not in self._neighbours:
            self._neighbours[grid] = frozenset(self._numbers[code] for code in self._grids.neighbours(grid))
        return grid, Around(self._numbers[grid], self._neighbours[grid], metres)

    def visible(self, may_see: Callable[[str], bool]) -> NDArray[np.bool_]:
        """Return for each number whether a caller may see the unit's cases."""
        return np.array([may_see(code) for code in self._codes], np.bool_)

    def _grid(self, place: str) -> tuple[str | None, tuple[float, float] | None]:
        written = place.strip()
        if written in self._around.grid_codes and written in self._centres:
            return written, None
        if written in self._around.building_groups:
            return self._around.building_groups[written], None
        if found := _POINT.match(written):
            point = float(found[1]), float(found[2])
            return self._grids.locate(*point), point
        spot = self._gazetteer.locate(written) if written else None
        return (spot.grid if spot is not None else None), None

    def _metres(self, longitude: float, latitude: float) -> tuple[float, float]:
        east, north = self._origin
        shrink = math.cos(math.radians(north))
        return (longitude - east) * shrink * _M_PER_DEGREE, (latitude - north) * _M_PER_DEGREE
