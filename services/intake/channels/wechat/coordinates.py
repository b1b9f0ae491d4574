"""From GCJ-02, in which maps in mainland China give coordinates, to WGS-84, in which ours lie.

The published approximation: it shifts a point by up to 700 m; what is left after turning it back is below 0.1 m.
"""

from math import cos, pi, sin, sqrt
from typing import Final

_AXIS_M: Final = 6378245.0
"""Semi-major axis of the Krasovsky ellipsoid, in metres."""
_ECCENTRICITY: Final = 0.00669342162296594323
"""Its first eccentricity, squared."""
_WEST, _EAST, _SOUTH, _NORTH = 72.004, 137.8347, 0.8293, 55.8271
_ROUNDS: Final = 5
"""Each makes the rest a few thousand times smaller."""


def to_gcj02(longitude: float, latitude: float) -> tuple[float, float]:
    """Return longitude and latitude in GCJ-02 of a point in WGS-84, in degrees. Outside China both are the same."""
    if not (_WEST <= longitude <= _EAST and _SOUTH <= latitude <= _NORTH):
        return longitude, latitude
    x, y = longitude - 105.0, latitude - 35.0
    radians = latitude / 180.0 * pi
    flattened = 1 - _ECCENTRICITY * sin(radians) ** 2
    north = _north(x, y) * 180.0 / (_AXIS_M * (1 - _ECCENTRICITY) / (flattened * sqrt(flattened)) * pi)
    east = _east(x, y) * 180.0 / (_AXIS_M / sqrt(flattened) * cos(radians) * pi)
    return longitude + east, latitude + north


def to_wgs84(longitude: float, latitude: float) -> tuple[float, float]:
    """Return longitude and latitude in WGS-84 of a point in GCJ-02, in degrees."""
    east, north = longitude, latitude
    for _ in range(_ROUNDS):
        shifted = to_gcj02(east, north)
        east, north = east - (shifted[0] - longitude), north - (shifted[1] - latitude)
    return east, north


def _north(x: float, y: float) -> float:
    return (
        -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + _waves(x)
        + (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
        + (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y / 30.0 * pi)) * 2.0 / 3.0
    )  # fmt: skip


def _east(x: float, y: float) -> float:
    return (
        300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + _waves(x)
        + (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
        + (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    )  # fmt: skip


def _waves(x: float) -> float:
    return (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0
